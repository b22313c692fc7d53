//! Prints what shape inference knows of every value of a model: `name<TAB>element<TAB>1x3x224x224`.
//!
//! For comparing with other tools: `cargo run --release -p backend --example shapes -- MODEL [NAME=DIMS]…`

use std::path::Path;
use std::process::ExitCode;

use backend::onnx::{self, shape, tensor};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(path) = args.next() else {
        eprintln!("usage: shapes MODEL [NAME=1x3x224x224]...");
        return ExitCode::from(2);
    };
    let sizes: Result<Vec<_>, String> = args.map(|text| backend::parse_shape(&text)).collect();
    let sizes = match sizes {
        Ok(sizes) => sizes,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(2);
        }
    };
    let model = match onnx::load(Path::new(&path)) {
        Ok(model) => model,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    print(&shape::infer(&model, &sizes));
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "an example's data")]
fn print(shapes: &shape::Shapes) {
    for (name, value) in shapes.iter() {
        let known = if value.dims.is_some() { shapes.text(name) } else { "unknown".to_owned() };
        println!("{name}\t{}\t{known}", tensor::element_name(value.element));
    }
}

//! What the ONNX parser says of models: `cargo run --example parse -- [--rtx] MODEL.onnx…`.
//!
//! One line for each model: `MODEL: ok, 66 layers`, or `MODEL: error: …` with all errors of the parser.
//! With `--stdin` the names are read from standard input, one a line, so that one process can be asked
//! about thousands of files: what it keeps in memory then is what parsing leaks.

use std::io::{self, BufRead as _, Write as _};
use std::path::Path;

use tensorrt::{Builder, Library, LogOptions, OnnxParser, Product, Typing, find};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let product = if has("--rtx") { Product::TensorRtRtx } else { Product::TensorRt };
    let library = Library::load(&find(product)?)?;
    for model in arguments.iter().filter(|argument| !argument.starts_with("--")) {
        answer(&library, model)?;
    }
    if has("--stdin") {
        for model in io::stdin().lock().lines() {
            answer(&library, &model?)?;
        }
    }
    Ok(())
}

/// Prints one line; the parser's own line breaks become blanks.
fn answer(library: &Library, model: &str) -> io::Result<()> {
    let said = match parse(library, Path::new(model)) {
        Ok(layers) => format!("ok, {layers} layers"),
        Err(error) => format!("error: {error}").replace(['\n', '\r'], " "),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{model}: {said}")?;
    out.flush()
}

/// Number of layers of the network that the parser makes of the file.
fn parse(library: &Library, model: &Path) -> Result<usize, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(model)?;
    // the errors come as values; the log would say them again
    let quiet = LogOptions { verbose: false, sink: None };
    let builder = Builder::with_log(library, quiet)?;
    let mut network = builder.create_network(Typing::Strong)?;
    OnnxParser::new(&mut network)?.parse(&bytes, Some(model))?;
    Ok(network.num_layers())
}

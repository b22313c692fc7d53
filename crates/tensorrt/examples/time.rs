//! How long one parse and one build take: `cargo run --release --example time -- MODEL.onnx OUT.plan LEVEL MIB`.
//!
//! Takes TensorRT for RTX with the settings that a few lines of Python would have: an optimisation
//! level, a workspace limit, warnings only, no timing cache, no progress. Prints one JSON object.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use tensorrt::{Builder, Library, LogOptions, MemoryPool, OnnxParser, Product, Typing, find};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, out, level, mebibytes] = arguments.as_slice() else {
        return Err("usage: time MODEL.onnx OUT.plan LEVEL MIB".into());
    };
    let library = Library::load(&find(Product::TensorRtRtx)?)?;
    let builder = Builder::with_log(&library, LogOptions::default())?;
    let mut network = builder.create_network(Typing::Strong)?;

    let mut parser = OnnxParser::new(&mut network)?;
    let started = Instant::now();
    parser.parse_from_file(Path::new(model))?;
    let parsed = started.elapsed();

    let mut config = builder.create_config()?;
    config.set_builder_optimization_level(level.parse()?)?;
    config.set_memory_pool_limit(MemoryPool::Workspace, mebibytes.parse::<u64>()? << 20)?;
    let started = Instant::now();
    let plan = builder.build_serialized_network(&mut network, &mut config)?;
    let built = started.elapsed();

    std::fs::File::create(out)?.write_all(&plan)?;
    writeln!(
        std::io::stdout(),
        r#"{{"version": "{}", "parse_ns": {}, "build_ns": {}, "bytes": {}}}"#,
        library.version(),
        parsed.as_nanos(),
        built.as_nanos(),
        plan.len()
    )?;
    Ok(())
}

//! Which TensorRT is here, and does it take a plan?
//! `cargo run --example versions -- [--library FILE]… [PLAN]…`
//!
//! Without `--library` both products are looked for where they usually are. For every library: its
//! version, the table in use, whether a runtime can be made, and for every plan whether it can be
//! deserialised. A refusal is an answer: the exit code is 1 only where no library was loaded.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tensorrt::{Library, Product, Runtime, find};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (mut libraries, mut plans) = (Vec::new(), Vec::new());
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--library" {
            libraries.extend(arguments.next().map(PathBuf::from));
        } else {
            plans.push(PathBuf::from(argument));
        }
    }
    let mut out = io::stdout().lock();
    if libraries.is_empty() {
        for product in [Product::TensorRt, Product::TensorRtRtx] {
            match find(product) {
                Ok(path) => libraries.push(path),
                Err(error) => tell(&mut out, "not found", &error)?,
            }
        }
    }
    let mut loaded = false;
    for path in &libraries {
        loaded |= report(&mut out, path, &plans)?;
    }
    Ok(if loaded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the library could be loaded.
fn report(out: &mut impl Write, path: &Path, plans: &[PathBuf]) -> io::Result<bool> {
    writeln!(out, "library: {}", path.display())?;
    let library = match Library::load(path) {
        Ok(library) => library,
        Err(error) => {
            tell(out, "  refused", &error)?;
            return Ok(false);
        }
    };
    let version = library.version();
    writeln!(out, "  product: {}", library.product())?;
    writeln!(out, "  version: {version}, build {}", version.build)?;
    writeln!(out, "  table:   {}", library.table())?;
    if let Some(note) = library.note() {
        writeln!(out, "  note:    {note}")?;
    }
    if let Some(warning) = library.warning() {
        writeln!(out, "  warning: {warning}")?;
    }
    writeln!(out, "  builds:  {}", if library.can_build() { "yes" } else { "no, runtime only" })?;
    let runtime = match Runtime::new(&library) {
        Ok(runtime) => runtime,
        Err(error) => {
            tell(out, "  runtime", &error)?;
            return Ok(true);
        }
    };
    writeln!(out, "  runtime: made")?;
    for plan in plans {
        read(out, &runtime, plan)?;
    }
    Ok(true)
}

fn read(out: &mut impl Write, runtime: &Runtime, plan: &Path) -> io::Result<()> {
    let bytes = std::fs::read(plan)?;
    writeln!(out, "  plan:    {}, {} bytes", plan.display(), bytes.len())?;
    match runtime.deserialize(&bytes) {
        Ok(engine) => {
            writeln!(out, "    engine {:?} with {} layers", engine.name(), engine.num_layers())?;
            for tensor in engine.io_tensors().unwrap_or_default() {
                writeln!(out, "    {tensor:?}")?;
            }
            Ok(())
        }
        Err(error) => tell(out, "    refused", &error),
    }
}

fn tell(out: &mut impl Write, what: &str, error: &tensorrt::Error) -> io::Result<()> {
    writeln!(out, "{what}: {error}")?;
    error.hint().map_or(Ok(()), |hint| writeln!(out, "{what}, hint: {hint}"))
}

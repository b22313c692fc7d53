//! `cargo xtask measure`: the project's own promises, measured.

mod analysis;
mod build;
mod check;
mod export;
mod fp16;
mod golden;
mod hostile;
mod import;
mod memcheck;
mod models;
mod mutate;
mod overhead;
mod page;
mod paired;
mod process;
mod python;
mod quantiles;
mod simulated;

/// What can be measured.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Time and memory of `analysis run` on simulated runs of four modes
    Analysis(analysis::Args),
    /// Time of `pipeline --check`, with the programs called directly and through cargo
    Check(check::Args),
    /// Float16 conversion against onnxconverter-common, on every model at hand
    Fp16(fp16::Args),
    /// Damaged and malicious files into the readers of stage 1
    Hostile(hostile::Args),
    /// A trace of trtexec: our import against Python's json and NumPy
    Import(import::Args),
    /// One build under valgrind: errors and lost memory of our own
    Memcheck(memcheck::Args),
    /// Models of others through verify, convert, build and run, with their own and with seeded weights
    Models(models::Args),
    /// Damaged models into TensorRT-RTX: nothing may end but the one build, no memory may leak
    Mutate(mutate::Args),
    /// What a run of the chain costs beyond the measuring itself
    Overhead(overhead::Args),
    /// TensorRT-RTX builds of ResNet-50: our bindings against NVIDIA's for Python
    Build(build::Args),
    /// A checkpoint to ONNX in float32 and float16: our export against PyTorch's (fetches several GB of PyTorch once)
    Export(export::Args),
    /// torchvision's own answers, for the tests of the architectures (fetches several GB of PyTorch once)
    Golden(golden::Args),
    /// Reports in a real browser: pointer, keyboard, axes, modes, phone, an empty console; screenshots
    Page(page::Args),
    /// Throughput and p99 of ResNet-50 on the CPU: our runner against a Python loop
    Python(python::Args),
    /// Exact quantiles of a hundred million rows: `analysis quantiles` against DuckDB and Polars
    Quantiles(quantiles::Args),
}

/// The program of a browser that [`Command::Page`] can drive.
pub(crate) use page::find as browser;

/// Measures and prints; the exit code is 0 unless something could not be run.
pub(crate) fn run(command: &Command) -> anyhow::Result<u8> {
    match command {
        Command::Analysis(args) => analysis::run(args),
        Command::Build(args) => build::run(args),
        Command::Check(args) => check::run(args),
        Command::Export(args) => export::run(args),
        Command::Fp16(args) => fp16::run(args),
        Command::Golden(args) => golden::run(args),
        Command::Hostile(args) => hostile::run(args),
        Command::Import(args) => import::run(args),
        Command::Memcheck(args) => memcheck::run(args),
        Command::Models(args) => models::run(args),
        Command::Mutate(args) => mutate::run(args),
        Command::Overhead(args) => overhead::run(args),
        Command::Page(args) => page::run(args),
        Command::Python(args) => python::run(args),
        Command::Quantiles(args) => quantiles::run(args),
    }
}

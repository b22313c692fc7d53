//! A TensorRT of Rust functions, for tests only: no engine, no device, no kernel.
//!
//! The shared library `libtensorrt_fake.so` exports what `libnvinfer`, `libnvonnxparser` and
//! `libtensorrt_rtx` export, and one symbol that says what it is: `getTensorRtNote`. Its objects are laid
//! out from the slots of the `tensorrt` crate. So tests against it find wrong arguments, wrong order of
//! deletion, use after deletion and panics that cross the boundary, but never a wrong slot number: that
//! only NVIDIA's headers and NVIDIA's library tell.
//!
//! | variable | what it does |
//! | --- | --- |
//! | `TENSORRT_FAKE_VERSION` | `10.3.0`, `11.1.0`, `rtx-1.6.1` …; without it the file's name tells (`libnvinfer.so.11.1.0`), else 10.3.0 |
//! | `TENSORRT_FAKE_DEVICE` | device of caches and plans; `fake-sm87` |
//! | `TENSORRT_FAKE_BUILD_MS` | milliseconds per layer that no timing cache knows; 0 |
//! | `TENSORRT_FAKE_KEY` | put in front of every layer key, so that two builds of one model share no entry |
//! | `TENSORRT_FAKE_MEGABYTES` | what the faults `leak` (64) and `oom` (2048) take |
//! | `TENSORRT_FAKE_WITHOUT` | a method that aborts when it is called, as `V10:VBuilder:7` (table, class, slot) |
//! | `TENSORRT_FAKE_FAULT` | any of the faults, separated by commas |
//!
//! | fault | what happens |
//! | --- | --- |
//! | `crash`, `abort`, `hang` | a bad memory access, an abort, an endless sleep in the middle of a build |
//! | `crash-parse` | a bad memory access in the parser |
//! | `leak`, `oom` | a build takes memory and keeps it; takes it, frees it and fails |
//! | `build` | a build fails with an error in the log |
//! | `panic-log` | a build logs `panic-log`, at which a test's logger panics, and a line that is no text |
//! | `no-fp16` | half precision stays single precision |
//! | `deserialize` | plans are refused |
//! | `no-driver` | factories give 0x228, as without a driver |
//!
//! The timing cache is text: `tensorrt-fake timing cache <version> <device>`, then sorted lines
//! `<layer key> <nanoseconds>` ([`Entries`]). The table of RTX ignores it, as RTX does.
//!
//! A call that breaks a rule of the interface ends the process and says which: a slot that is not in the
//! fake or not in this version, an object of the wrong class, a deleted one, a second deletion, a parent
//! deleted before its child, a timing cache deleted before its builder.
#![expect(unsafe_code, reason = "stands in for a C++ library")]

mod build;
mod builder;
mod cache;
mod callback;
mod config;
mod context;
mod engine;
mod export;
mod faults;
mod inspect;
mod inspector;
mod install;
mod layers;
mod network;
mod object;
mod onnx;
mod options;
mod parser;
mod plan;
mod runtime;
mod runtime_config;
mod settings;
mod table;

pub use cache::{Entries, HEADER};
pub use install::{Loaded, install, library_path};
pub use plan::{Io, Layer, Plan, Tensor};
pub use settings::{BUILD_MS, DEVICE, FAULT, KEY, MEGABYTES, VERSION, Version, WITHOUT};

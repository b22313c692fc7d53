//! What NVIDIA's `trtexec` writes, versions 7.0 to 11.x, as values: no file is opened here, no process started.
//!
//! | module | what it reads |
//! |---|---|
//! | [`times`] | `--exportTimes`: one row an inference; written too |
//! | [`profile`] | `--exportProfile`: times of layers |
//! | [`layers`] | `--exportLayerInfo`, the engine inspector and the builder's report: layers and their precision |
//! | [`log`] | the log, line by line, with its performance [`summary`] and its [`device`] |
//! | [`lines`] | lines of a log, however long they are |
//! | [`version`] | the version in a banner |
//!
//! The backend that runs the program and the analysis that imports its files share this crate, so a format
//! has one reader.
//! Every reader takes what strangers wrote: nothing recurses with the depth of the input, and memory does
//! not grow with it beyond what is asked for.

#![forbid(unsafe_code)]

pub mod device;
pub mod layers;
pub mod lines;
pub mod log;
pub mod profile;
pub mod summary;
pub mod times;
pub mod version;

pub use device::Device;
pub use log::Log;
pub use profile::Profile;
pub use summary::{Metric, Summary};
pub use version::Version;

//! Every call of all three tables through the safe interface, against the fake library (`tensorrt-fake`).
//!
//! The fake is laid out from the same slots as the calls: these tests find wrong arguments, a wrong order of
//! deletion, use after deletion, leaks and panics that cross the boundary. They cannot find a wrong slot
//! number: that only NVIDIA's headers and NVIDIA's library tell.

#![expect(unsafe_code, reason = "addresses and streams; and rules that are broken on purpose")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "fake/build.rs"]
mod build;
#[path = "fake/cache.rs"]
mod cache;
#[path = "fake/callbacks.rs"]
mod callbacks;
#[path = "fake/configure.rs"]
mod configure;
#[path = "fake/execute.rs"]
mod execute;
#[path = "fake/model.rs"]
mod model;
#[path = "fake/order.rs"]
mod order;
#[path = "fake/rules.rs"]
mod rules;
#[path = "fake/support.rs"]
mod support;

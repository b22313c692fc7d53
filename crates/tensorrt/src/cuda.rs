//! The one call of the CUDA driver that TensorRT needs from its caller.

use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::sync::OnceLock;

use libloading::os::unix::Library;

use crate::library::reason;

/// Calls `cuInit(0)`, once in a process: TensorRT's factories fail without it. What went wrong is
/// for the message of the factory's failure and no error of its own.
pub(crate) fn init() -> Result<(), String> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| {
        // SAFETY: loading the driver's library runs its start code, which is made for this.
        let driver = unsafe { Library::new("libcuda.so.1") };
        let driver = driver.map_err(|error| format!("no CUDA driver: {}", reason(&error)))?;
        // the driver cannot be unloaded
        let driver = ManuallyDrop::new(driver);
        // SAFETY: `CUresult cuInit(unsigned int)` in every version of the driver.
        let init = unsafe { driver.get::<unsafe extern "C" fn(u32) -> c_int>(b"cuInit\0") };
        let init = init.map_err(|error| format!("no CUDA driver: {}", reason(&error)))?;
        // SAFETY: 0 is the only value that the driver takes.
        match unsafe { init(0) } {
            0 => Ok(()),
            code => Err(format!("cuInit failed with CUDA error {code}")),
        }
    })
    .clone()
}

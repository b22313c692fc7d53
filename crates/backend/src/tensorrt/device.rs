//! The GPU as the CUDA driver tells it: an engine of TensorRT is for one device and no other.
//!
//! Only the driver's library is asked, at run time; no context is made on the device.
#![expect(unsafe_code, reason = "asks the CUDA driver, which is loaded at run time")]

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::OnceLock;

use libloading::os::unix::Library;

/// The first GPU that this process may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gpu {
    name: String,
    /// 8 and 7 for compute capability 8.7.
    compute: (u32, u32),
    multiprocessors: u32,
    /// 0 where the driver does not tell.
    memory_clock_khz: u32,
    /// Newest CUDA that the driver serves: `13.0`.
    pub(super) cuda: String,
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, compute: (major, minor), multiprocessors, memory_clock_khz, .. } = self;
        write!(f, "{name}, compute capability {major}.{minor}, {multiprocessors} SMs")?;
        if *memory_clock_khz > 0 {
            write!(f, ", memory {} MHz", memory_clock_khz / 1000)?;
        }
        Ok(())
    }
}

/// The GPU, asked for once in a process; why there is none, else.
pub(super) fn gpu() -> Result<&'static Gpu, &'static str> {
    static GPU: OnceLock<Result<Gpu, String>> = OnceLock::new();
    GPU.get_or_init(ask).as_ref().map_err(String::as_str)
}

// CUdevice_attribute in cuda.h; these values never change
const MULTIPROCESSOR_COUNT: c_int = 16;
const MEMORY_CLOCK_RATE: c_int = 36;
const COMPUTE_CAPABILITY_MAJOR: c_int = 75;
const COMPUTE_CAPABILITY_MINOR: c_int = 76;

type Init = unsafe extern "C" fn(c_uint) -> c_int;
type Get = unsafe extern "C" fn(*mut c_int) -> c_int;
type DeviceGet = unsafe extern "C" fn(*mut c_int, c_int) -> c_int;
type DeviceName = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;
type DeviceAttribute = unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int;

fn ask() -> Result<Gpu, String> {
    // SAFETY: loading the driver's library runs its start code, which is made for this.
    let driver = unsafe { Library::new("libcuda.so.1") };
    let driver = driver.map_err(|_missing| "no CUDA driver".to_owned())?;
    // the driver's library cannot be unloaded once it is initialised
    let driver = ManuallyDrop::new(driver);
    // SAFETY: the types are those of cuda.h for these names, in every version of the driver.
    let (init, version, count, device_get, device_name, attribute) = unsafe {
        (
            symbol::<Init>(&driver, b"cuInit\0")?,
            symbol::<Get>(&driver, b"cuDriverGetVersion\0")?,
            symbol::<Get>(&driver, b"cuDeviceGetCount\0")?,
            symbol::<DeviceGet>(&driver, b"cuDeviceGet\0")?,
            symbol::<DeviceName>(&driver, b"cuDeviceGetName\0")?,
            symbol::<DeviceAttribute>(&driver, b"cuDeviceGetAttribute\0")?,
        )
    };
    // SAFETY: 0 is the only value that cuInit takes.
    good("cuInit", unsafe { init(0) })?;
    let number = |what, get: &dyn Fn(*mut c_int) -> c_int| {
        let mut value = 0;
        good(what, get(&raw mut value)).map(|()| value)
    };
    // SAFETY: both write one int.
    let cuda = number("cuDriverGetVersion", &|out| unsafe { version(out) })?;
    // SAFETY: as above.
    if number("cuDeviceGetCount", &|out| unsafe { count(out) })? == 0 {
        return Err("the CUDA driver sees no device".to_owned());
    }
    // SAFETY: device 0 exists.
    let device = number("cuDeviceGet", &|out| unsafe { device_get(out, 0) })?;
    let mut name = [0 as c_char; 256];
    // SAFETY: the buffer is as long as is said.
    good("cuDeviceGetName", unsafe { device_name(name.as_mut_ptr(), 256, device) })?;
    // SAFETY: the driver ends the name with a zero byte, and the last byte is one in any case.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned();
    let attribute = |which| {
        // SAFETY: writes one int; a driver that does not know the attribute gives an error.
        let found = number("cuDeviceGetAttribute", &|out| unsafe { attribute(out, which, device) });
        found.map(|value| u32::try_from(value).unwrap_or(0))
    };
    Ok(Gpu {
        name,
        compute: (attribute(COMPUTE_CAPABILITY_MAJOR)?, attribute(COMPUTE_CAPABILITY_MINOR)?),
        multiprocessors: attribute(MULTIPROCESSOR_COUNT)?,
        memory_clock_khz: attribute(MEMORY_CLOCK_RATE).unwrap_or(0),
        cuda: format!("{}.{}", cuda / 1000, cuda % 1000 / 10),
    })
}

fn good(call: &str, code: c_int) -> Result<(), String> {
    if code == 0 { Ok(()) } else { Err(format!("{call} failed with CUDA error {code}")) }
}

/// # Safety
/// `F` is the type of the function with this name, which ends with a zero byte.
unsafe fn symbol<F: Copy>(driver: &Library, name: &[u8]) -> Result<F, String> {
    // SAFETY: the caller knows the type; the library stays loaded.
    let found = unsafe { driver.get::<F>(name) }.map(|symbol| *symbol);
    found.map_err(|error| format!("no CUDA driver: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_named_or_its_absence_is_told() {
        match gpu() {
            Ok(gpu) => assert!(gpu.compute.0 >= 5 && gpu.multiprocessors > 0, "{gpu}"),
            Err(reason) => assert!(reason.contains("CUDA"), "{reason}"),
        }
        let orin = Gpu {
            name: "Orin".into(),
            compute: (8, 7),
            multiprocessors: 8,
            memory_clock_khz: 0,
            cuda: "12.6".into(),
        };
        assert_eq!(orin.to_string(), "Orin, compute capability 8.7, 8 SMs");
        let clocked = Gpu { memory_clock_khz: 2_619_000, ..orin };
        assert!(clocked.to_string().ends_with(", memory 2619 MHz"));
    }
}

//! Virtual tables. Every entry that no method was put into aborts and says which one it was.

use std::ffi::c_void;

use tensorrt::abi::{Ptr, Slot};

use crate::object;
use crate::settings;

/// More entries than any class of TensorRT has.
const LENGTH: usize = 96;

/// An entry of a virtual table.
pub(crate) type Entry = *const c_void;

/// A virtual table in the making.
pub(crate) struct Vtable {
    entries: [Entry; LENGTH],
    /// The method that [`settings::WITHOUT`] names, if it is of this class.
    without: Option<usize>,
}

impl Vtable {
    /// A table in which every call aborts.
    pub(crate) fn new(class: &str) -> Self {
        let without = settings::get(settings::WITHOUT).and_then(|text| {
            let place = text.strip_prefix(&format!("{:?}:{class}:", settings::table()))?;
            place.parse().ok()
        });
        Self { entries: forbidden_entries(), without }
    }

    /// Puts a method where the slots say. The type of the slot checks the method.
    pub(crate) fn set<F: Copy>(&mut self, slot: Slot<F>, method: F) {
        if self.without == Some(slot.index()) {
            return;
        }
        // SAFETY: `F` is a function pointer: `Slot` is only made for types of that size, and every row
        // of the slots names one.
        self.entries[slot.index()] = unsafe { std::mem::transmute_copy(&method) };
    }

    /// Puts a method where the slots say, if this version has it.
    pub(crate) fn set_if<F: Copy>(&mut self, slot: Option<Slot<F>>, method: F) {
        if let Some(slot) = slot {
            self.set(slot, method);
        }
    }

    /// Gives the table an address for ever.
    pub(crate) fn finish(self) -> &'static Table {
        Box::leak(Box::new(Table(self.entries)))
    }
}

/// A finished virtual table.
pub(crate) struct Table([Entry; LENGTH]);

// SAFETY: the entries are addresses of functions.
unsafe impl Sync for Table {}
// SAFETY: likewise.
unsafe impl Send for Table {}

impl Table {
    pub(crate) fn address(&self) -> *const Entry {
        self.0.as_ptr()
    }
}

/// Two arguments, because `this` comes second where a hidden result pointer comes first.
extern "C" fn forbidden<const SLOT: usize>(first: Ptr, second: Ptr) -> ! {
    let class = object::class_at(first).or_else(|| object::class_at(second));
    let class = class.unwrap_or("an object of another library");
    stop(&format!(
        "slot {SLOT} of {class} was called: it is not in the fake, or not in this version"
    ));
}

/// Ends the process: the caller broke a rule after which a real library is undefined.
pub(crate) fn stop(what: &str) -> ! {
    eprintln!("tensorrt-fake {}: {what}", settings::version());
    std::process::abort();
}

/// A method written where it is put into its table.
macro_rules! method {
    (($($name:ident: $type:ty),*) $(-> $result:ty)? $body:block) => {{
        extern "C" fn method($($name: $type),*) $(-> $result)? $body
        method
    }};
}
pub(crate) use method;

macro_rules! entries {
    ($($tens:literal)*) => {[$(
        forbidden::<{ $tens * 8 }> as extern "C" fn(Ptr, Ptr) -> ! as Entry,
        forbidden::<{ $tens * 8 + 1 }> as extern "C" fn(Ptr, Ptr) -> ! as Entry,
        forbidden::<{ $tens * 8 + 2 }> as extern "C" fn(Ptr, Ptr) -> ! as Entry,
        forbidden::<{ $tens * 8 + 3 }> as extern "C" fn(Ptr, Ptr) -> ! as Entry,
        forbidden::<{ $tens * 8 + 4 }> as extern "C" fn(Ptr, Ptr) -> ! as Entry,
        forbidden::<{ $tens * 8 + 5 }> as extern "C" fn(Ptr, Ptr) -> ! as Entry,
        forbidden::<{ $tens * 8 + 6 }> as extern "C" fn(Ptr, Ptr) -> ! as Entry,
        forbidden::<{ $tens * 8 + 7 }> as extern "C" fn(Ptr, Ptr) -> ! as Entry,
    )*]};
}

fn forbidden_entries() -> [Entry; LENGTH] {
    entries!(0 1 2 3 4 5 6 7 8 9 10 11)
}

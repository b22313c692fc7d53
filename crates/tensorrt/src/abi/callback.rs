//! Objects of ours whose methods the library calls: logger, profiler, progress monitor.

use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, null};

use super::call::Ptr;
use super::types::{API_LANGUAGE_CPP, CallbackLayout, InterfaceInfo};

/// A method of a callback object: `extern "C" fn(Ptr, …)` as a pointer.
pub type Method = *const c_void;

/// Methods of the largest callback object, with the words that both layouts add.
const WORDS: usize = 2 + 4 + 3;

/// What the library sees: a virtual table pointer first. The table is part of the object, behind two
/// words that C++ keeps in front of every table (offset to the top: 0, type information: none).
#[repr(C)]
struct Object<T> {
    table: *const Method,
    words: [Method; WORDS],
    state: T,
}

/// Owns a callback object, which keeps its address. It must outlive everything that was given
/// [`Callback::as_ptr`].
pub struct Callback<T> {
    object: NonNull<Object<T>>,
}

// SAFETY: the pointer owns its object as a box would.
unsafe impl<T: Send> Send for Callback<T> {}
// SAFETY: a shared callback only gives out `&T`.
unsafe impl<T: Sync> Sync for Callback<T> {}

impl<T> Callback<T> {
    /// An object with `methods`, in the order of the header, that carries `state`. `info` answers
    /// `getInterfaceInfo` in the versioned layout.
    ///
    /// The methods get the object as their first argument and find their state with
    /// [`Callback::state_of`]; the library may call them from several threads at once.
    pub fn new(
        layout: CallbackLayout,
        info: extern "C" fn(Ptr) -> InterfaceInfo,
        methods: &[Method],
        state: T,
    ) -> Self {
        let delete = no_delete as extern "C" fn(Ptr) as Method;
        let language = api_language as extern "C" fn(Ptr) -> c_int as Method;
        let info = info as Method;
        let table: Vec<Method> = match layout {
            CallbackLayout::Plain => [methods, &[delete, delete]].concat(),
            CallbackLayout::Versioned => [&[language, info, delete, delete], methods].concat(),
        };
        let mut words = [null(); WORDS];
        words[2..2 + table.len()].copy_from_slice(&table);
        let object = NonNull::from(Box::leak(Box::new(Object { table: null(), words, state })));
        // SAFETY: the object was just made and nothing else knows it; its table begins at word 2.
        unsafe {
            let pointer = object.as_ptr();
            (*pointer).table = (&raw const (*pointer).words).cast::<Method>().add(2);
        }
        Self { object }
    }

    /// What the library is given.
    pub fn as_ptr(&self) -> Ptr {
        self.object.as_ptr().cast()
    }

    /// The state of the object.
    pub fn state(&self) -> &T {
        // SAFETY: the object lives as long as `self`, and its state is only ever shared.
        unsafe { &self.object.as_ref().state }
    }

    /// The state of the object that a method was called on.
    ///
    /// # Safety
    /// `this` came from [`Callback::as_ptr`] of a `Callback<T>` that outlives `'a`.
    pub unsafe fn state_of<'a>(this: Ptr) -> &'a T {
        // SAFETY: the caller promises what `this` is.
        unsafe { &(*this.cast::<Object<T>>()).state }
    }
}

impl<T> Drop for Callback<T> {
    fn drop(&mut self) {
        // SAFETY: the object was leaked from a box in `new` and is freed once.
        drop(unsafe { Box::from_raw(self.object.as_ptr()) });
    }
}

extern "C" fn api_language(_this: Ptr) -> c_int {
    API_LANGUAGE_CPP
}

/// We own our callback objects; the library has no reason to delete one.
extern "C" fn no_delete(_this: Ptr) {}

/// What our logger says about itself.
pub extern "C" fn logger_info(_this: Ptr) -> InterfaceInfo {
    InterfaceInfo { kind: c"ILogger".as_ptr(), major: 1, minor: 0 }
}

/// What our profiler says about itself.
pub extern "C" fn profiler_info(_this: Ptr) -> InterfaceInfo {
    InterfaceInfo { kind: c"IProfiler".as_ptr(), major: 1, minor: 0 }
}

/// What our progress monitor says about itself.
pub extern "C" fn progress_monitor_info(_this: Ptr) -> InterfaceInfo {
    InterfaceInfo { kind: c"IProgressMonitor".as_ptr(), major: 1, minor: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "C" fn add(this: Ptr, value: c_int) -> c_int {
        // SAFETY: called below on a `Callback<c_int>` that is alive.
        *unsafe { Callback::<c_int>::state_of(this) } + value
    }

    #[test]
    fn a_method_lies_where_each_layout_puts_it() {
        let method = add as extern "C" fn(Ptr, c_int) -> c_int as Method;
        for (layout, slot) in [(CallbackLayout::Plain, 0), (CallbackLayout::Versioned, 4)] {
            let callback = Callback::new(layout, logger_info, &[method], 40);
            let slot = crate::abi::Slot::<extern "C" fn(Ptr, c_int) -> c_int>::new(slot);
            // SAFETY: the callback is alive and its table has the method there.
            let sum = unsafe { slot.of(callback.as_ptr())(callback.as_ptr(), 2) };
            assert_eq!(sum, 42);
            assert_eq!(*callback.state(), 40);
        }
    }
}

//! An object of the library that we delete, and what must outlive it.

use std::ffi::c_int;
use std::sync::Arc;

use crate::abi::call::{Bool, delete, good, implementation};
use crate::abi::{Ptr, Slots, Table};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::logger::Log;

/// An `I…` object with an implementation word. It keeps the library and the log that hears it; parents
/// are kept by whoever has both.
pub(crate) struct Owned {
    object: Ptr,
    // dropped after the object is deleted, so that it hears that
    logger: Arc<Log>,
    library: Library,
}

impl Owned {
    /// An object from one of the library's factories (`createInfer…_INTERNAL`).
    pub(crate) fn from_factory(
        library: &Library,
        logger: &Arc<Log>,
        name: &'static std::ffi::CStr,
    ) -> Result<Self> {
        let object = library.make(name, logger)?;
        Ok(Self { object, logger: Arc::clone(logger), library: library.clone() })
    }

    /// An object that a method of this one makes, with the same library and log; a pointer that cannot
    /// be one becomes the error of `call`, with what was logged meanwhile.
    ///
    /// # Safety
    /// `make` gives an `I…` object with an implementation word of this library that nobody else deletes,
    /// or something below 65536.
    pub(crate) unsafe fn child(
        &self,
        call: &'static str,
        make: impl FnOnce() -> Ptr,
    ) -> Result<Self> {
        let object = self.answered(call, || good(make()))?;
        Ok(Self { object, logger: Arc::clone(&self.logger), library: self.library.clone() })
    }

    /// Calls a method that returns nothing: it failed if it logged an error.
    pub(crate) fn checked(&self, call: &'static str, method: impl FnOnce()) -> Result<()> {
        let mark = self.logger.mark();
        method();
        self.logger.errors_since(mark).map_or(Ok(()), |reason| Err(Error::Call { call, reason }))
    }

    /// Calls a method that says whether it succeeded.
    pub(crate) fn confirmed(
        &self,
        call: &'static str,
        method: impl FnOnce() -> Bool,
    ) -> Result<()> {
        self.answered(call, || method().is_true().then_some(()))
    }

    /// Calls a method that answers, or fails with what it logs.
    pub(crate) fn answered<T>(
        &self,
        call: &'static str,
        ask: impl FnOnce() -> Option<T>,
    ) -> Result<T> {
        let mark = self.logger.mark();
        ask().ok_or_else(|| Error::Call { call, reason: self.logger.reason(mark) })
    }

    /// The object: what other calls take as an argument.
    pub(crate) fn object(&self) -> Ptr {
        self.object
    }

    /// The implementation: what methods are called on.
    pub(crate) fn this(&self) -> Ptr {
        // SAFETY: the object lives as long as `self` and has an implementation word (`child`).
        unsafe { implementation(self.object) }
    }

    /// Where each method lies.
    pub(crate) fn slots(&self) -> &Slots {
        self.library.slots()
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    pub(crate) fn logger(&self) -> &Arc<Log> {
        &self.logger
    }

    pub(crate) fn table(&self) -> Table {
        self.library.table()
    }

    /// The library's version as it counts itself.
    pub(crate) fn number(&self) -> c_int {
        self.library.version().number()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the object is ours (`child`), and its children hold or borrow its owner.
        unsafe { delete(self.object) }
    }
}

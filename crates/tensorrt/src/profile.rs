//! Optimisation profiles: the shapes that a dynamic model is built for.

use std::ffi::CString;
use std::fmt;

use crate::abi::Ptr;
use crate::abi::call::{call, good, implementation};
use crate::abi::enums::ProfileSelector;
use crate::abi::types::Dims;
use crate::builder::Builder;
use crate::error::{Error, Result};

/// The shapes of a dynamic model's inputs (`IOptimizationProfile`). The builder owns the object.
pub struct OptimizationProfile<'b> {
    object: Ptr,
    builder: &'b Builder,
}

impl<'b> OptimizationProfile<'b> {
    /// # Safety
    /// `make` gives an `IOptimizationProfile` that `builder` owns, or something below 65536.
    pub(crate) unsafe fn new(builder: &'b Builder, make: impl FnOnce() -> Ptr) -> Result<Self> {
        let logger = builder.owned().logger();
        let mark = logger.mark();
        let object = good(make()).ok_or_else(|| Error::Call {
            call: "createOptimizationProfile",
            reason: logger.reason(mark),
        })?;
        Ok(Self { object, builder })
    }

    /// The smallest, the usual and the largest shape of an input.
    ///
    /// # Errors
    /// Where a shape has more than eight dimensions or the library refuses it.
    pub fn set_shapes(&mut self, input: &str, min: &[i64], opt: &[i64], max: &[i64]) -> Result<()> {
        self.set_shape(input, ProfileSelector::Min, min)?;
        self.set_shape(input, ProfileSelector::Opt, opt)?;
        self.set_shape(input, ProfileSelector::Max, max)
    }

    /// One of the three shapes of an input.
    ///
    /// # Errors
    /// As [`OptimizationProfile::set_shapes`].
    pub fn set_shape(&mut self, input: &str, which: ProfileSelector, dims: &[i64]) -> Result<()> {
        let name = name(input)?;
        let dims = Dims::new(dims).ok_or_else(|| Error::Argument {
            what: format!("input {input:?}: a shape has at most {} dimensions", Dims::MAX),
        })?;
        let slot = self.builder.owned().slots().optimization_profile.set_dimensions;
        // SAFETY: a living `IOptimizationProfile`; name and shape live during the call and are
        // copied.
        let set =
            || unsafe { call!(self.this(), slot, name.as_ptr(), which.value(), &raw const dims) };
        self.builder.owned().confirmed("setDimensions", set)
    }

    /// The values of an input that is a shape itself, for one of the three shapes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before TensorRT 10.11, and where the library refuses them.
    pub fn set_shape_values(
        &mut self,
        input: &str,
        which: ProfileSelector,
        values: &[i64],
    ) -> Result<()> {
        let name = name(input)?;
        let owned = self.builder.owned();
        let slot = owned.slots().optimization_profile.set_shape_values_v2;
        let slot = slot.ok_or_else(|| owned.library().unsupported("setShapeValuesV2"))?;
        let count = i32::try_from(values.len()).unwrap_or(i32::MAX);
        // SAFETY: a living `IOptimizationProfile`; name and `count` values live during the call and
        // are copied.
        let set = || unsafe {
            call!(self.this(), slot, name.as_ptr(), which.value(), values.as_ptr(), count)
        };
        owned.confirmed("setShapeValuesV2", set)
    }

    /// Whether every shape is there and min ≤ opt ≤ max.
    pub fn is_valid(&self) -> bool {
        let slot = self.builder.owned().slots().optimization_profile.is_valid;
        // SAFETY: a living `IOptimizationProfile`.
        unsafe { call!(self.this(), slot) }.is_true()
    }

    /// The object, for the configuration of `builder` that takes it.
    pub(crate) fn object(&self, builder: &Builder) -> Result<Ptr> {
        builder.is(self.builder, "optimisation profile").map(|()| self.object)
    }

    fn this(&self) -> Ptr {
        // SAFETY: the builder that owns the object is borrowed; it has an implementation word.
        unsafe { implementation(self.object) }
    }
}

impl fmt::Debug for OptimizationProfile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_valid() { "valid" } else { "incomplete" })?;
        f.write_str(" optimisation profile")
    }
}

/// A name as C takes it.
pub(crate) fn name(text: &str) -> Result<CString> {
    CString::new(text).map_err(|error| Error::Argument { what: format!("{text:?}: {error}") })
}

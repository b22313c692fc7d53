//! How a slot becomes a call.

use std::ffi::{c_char, c_void};
use std::marker::PhantomData;

/// A pointer to an object of the library.
pub type Ptr = *mut c_void;

/// A text of the library: ends with a zero byte, may be null where the header says so.
pub type Text = *const c_char;

/// A C++ `bool` result. Only the lowest bit of the register is promised, so it is not read as Rust's
/// `bool`, for which any other bit would be undefined behaviour.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Bool(pub u8);

impl Bool {
    /// Whether the C++ side said `true`.
    pub const fn is_true(self) -> bool {
        self.0 & 1 == 1
    }
}

impl From<bool> for Bool {
    fn from(value: bool) -> Self {
        Self(u8::from(value))
    }
}

/// The place of a virtual method in its table, and the method's type.
pub struct Slot<F> {
    index: usize,
    signature: PhantomData<F>,
}

impl<F> Clone for Slot<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Slot<F> {}

impl<F: Copy> Slot<F> {
    pub(crate) const fn new(index: usize) -> Self {
        const { assert!(size_of::<F>() == size_of::<usize>(), "a slot holds a function pointer") };
        Self { index, signature: PhantomData }
    }

    /// The index in the virtual table.
    pub const fn index(self) -> usize {
        self.index
    }

    /// The function behind the slot.
    ///
    /// # Safety
    /// `this` points to a live object whose first word is the virtual table that the slot belongs to:
    /// the right class, and a library of the version for which the slots were made.
    pub unsafe fn of(self, this: Ptr) -> F {
        // SAFETY: the caller promises that the first word of `this` is a virtual table with this slot;
        // an entry of a virtual table is a function pointer, and `F` has its size (see `new`).
        unsafe {
            let table = *this.cast::<*const *const c_void>();
            std::mem::transmute_copy(&*table.add(self.index))
        }
    }
}

/// A row that may be missing: `None` in a table, or older than the first version that has it.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    index: usize,
    since: i32,
}

/// The table has no such method.
pub(crate) const NONE: Cell = Cell { index: 0, since: i32::MAX };

/// Every version of the table has the method there.
pub(crate) const fn at(index: usize) -> Cell {
    Cell { index, since: 0 }
}

/// The method is there from `version` on.
pub(crate) const fn since(index: usize, version: i32) -> Cell {
    Cell { index, since: version }
}

impl Cell {
    pub(crate) const fn slot<F: Copy>(self, version: i32) -> Option<Slot<F>> {
        if version >= self.since && self.since != i32::MAX {
            Some(Slot::new(self.index))
        } else {
            None
        }
    }

    pub(crate) const fn value(self, version: i32) -> Option<std::ffi::c_int> {
        if version >= self.since && self.since != i32::MAX {
            Some(self.index as std::ffi::c_int)
        } else {
            None
        }
    }
}

/// Calls a method: `call!(this, slot, arguments…)`, where `this` is what the slot's table belongs to
/// (an [`implementation`] or a parser). The slot's type checks the arguments.
///
/// Stands inside an `unsafe` block that says why `this` is alive and of the slot's class, and why the
/// arguments are what the header asks for.
macro_rules! call {
    ($this:expr, $slot:expr $(, $argument:expr)* $(,)?) => {{
        let this: $crate::abi::Ptr = $this;
        ($slot.of(this))(this $(, $argument)*)
    }};
}
pub(crate) use call;

/// `delete` of every `I…` object: the deleting destructor in the object's own table.
pub const DELETE: Slot<unsafe extern "C" fn(Ptr)> = Slot::new(1);

/// Result pointers below this are no objects: without a driver some calls give small integers instead
/// of null.
pub const FIRST_GOOD: usize = 65536;

/// `pointer` if it can be an object.
pub fn good(pointer: Ptr) -> Option<Ptr> {
    (pointer.addr() >= FIRST_GOOD).then_some(pointer)
}

/// The `V…` object behind an `I…` object, on which methods are called.
///
/// # Safety
/// `object` points to a live `I…` object (not a parser, a parser error or a callback).
pub unsafe fn implementation(object: Ptr) -> Ptr {
    // SAFETY: the second word of an `I…` object is the pointer to its implementation.
    unsafe { *object.cast::<Ptr>().add(1) }
}

/// Deletes an `I…` object.
///
/// # Safety
/// `object` points to a live `I…` object with an implementation word, that nothing uses afterwards and
/// whose children are gone.
pub unsafe fn delete(object: Ptr) {
    // SAFETY: slot 1 of such an object is its deleting destructor.
    unsafe { call!(object, DELETE) }
}

/// Makes the struct of slots of every class and the struct of them all; see `slots.rs`.
macro_rules! classes {
    ($($(#[$doc:meta])* $field:ident: $class:ident = $cpp:literal [$l10:literal, $l11:literal, $lrtx:literal] {
        always { $($a:ident: $aname:literal fn($($at:ty),*) $(-> $ar:ty)? = $a10:literal, $a11:literal, $artx:literal;)* }
        sometimes { $($s:ident: $sname:literal fn($($st:ty),*) $(-> $sr:ty)? = $s10:expr, $s11:expr, $srtx:expr;)* }
    })*) => {
        $($(#[$doc])* #[derive(Clone, Copy)] pub struct $class {
            $(#[doc = concat!("`", $aname, "`")] pub $a: Slot<unsafe extern "C" fn(Ptr $(, $at)*) $(-> $ar)?>,)*
            $(#[doc = concat!("`", $sname, "`, where there is one")] pub $s: Option<Slot<unsafe extern "C" fn(Ptr $(, $st)*) $(-> $sr)?>>,)*
        })*

        /// The slots of every class, of one version.
        #[derive(Clone, Copy)]
        pub struct Slots {
            $(#[doc = concat!("Slots of `", $cpp, "`.")] pub $field: $class,)*
        }

        impl Slots {
            /// The slots of a table as a library of `version` has them.
            pub const fn for_version(table: Table, version: i32) -> Self {
                Self { $($field: $class {
                    $($a: Slot::new(match table { Table::V10 => $a10, Table::V11 => $a11, Table::Rtx => $artx }),)*
                    $($s: match table { Table::V10 => $s10, Table::V11 => $s11, Table::Rtx => $srtx }.slot(version),)*
                },)* }
            }

            /// Every row that is there: class and method as C++ calls them, and the slot.
            pub fn rows(&self) -> Vec<(&'static str, &'static str, usize)> {
                let rows: Vec<Option<(&str, &str, usize)>> = vec![
                    $($(Some(($cpp, $aname, self.$field.$a.index())),)*
                    $(self.$field.$s.map(|slot| ($cpp, $sname, slot.index())),)*)*
                ];
                rows.into_iter().flatten().collect()
            }
        }

        /// How many slots the newest verified release of a table has in a class; 0: it has no such class.
        pub fn length(table: Table, class: &str) -> usize {
            match (class, table) {
                $(($cpp, Table::V10) => $l10, ($cpp, Table::V11) => $l11, ($cpp, Table::Rtx) => $lrtx,)*
                _ => 0,
            }
        }
    };
}
pub(super) use classes;

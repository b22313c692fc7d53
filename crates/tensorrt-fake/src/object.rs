//! Objects that cross the boundary, and the rules of their lives.
//!
//! What the caller holds is a shell of three words; its state lies in a registry. So a pointer is
//! looked up before anything behind it is read, and a call on a deleted object, a second deletion, a
//! parent that is deleted before its child or a thing that is deleted while another still uses it are
//! noticed every time. Shells are never freed: an address names one object for ever.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::DELETE;

use crate::table::{Entry, Table, Vtable, stop};

/// The state of a class of objects.
pub(crate) trait Class: Any + Send + Sync {
    /// What the headers call the class behind the object.
    const NAME: &'static str;
    /// Whether methods are called on the object itself (parsers) and not on an implementation.
    const OWN: bool = false;
    /// Whether the library deletes such objects itself, with their parent.
    const OWNED: bool = false;
    /// The virtual table, once per process.
    fn table() -> &'static Table;
}

/// What the caller points to: an `I…` object, and the first word of its `V…` object.
#[repr(C)]
struct Shell {
    own: *const Entry,
    implementation: *const *const Entry,
    class: *const Entry,
}

/// Where the `V…` object begins in a [`Shell`].
const IMPLEMENTATION: usize = std::mem::offset_of!(Shell, class);

struct Record {
    class: &'static str,
    owned: bool,
    state: Arc<dyn Any + Send + Sync>,
    /// Must be deleted later than this one.
    outlived_by: Vec<usize>,
    deleted_with: Option<usize>,
}

#[derive(Default)]
struct Registry {
    live: BTreeMap<usize, Record>,
    dead: BTreeMap<usize, &'static str>,
    created: BTreeMap<&'static str, u64>,
}

fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: OnceLock<Mutex<Registry>> = OnceLock::new();
    let registry = REGISTRY.get_or_init(Mutex::default);
    registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Makes an object. `parent`, an `I…` pointer, must live longer; an owned object dies with it.
pub(crate) fn create<T: Class>(state: T, parent: Option<Ptr>) -> Ptr {
    let class = T::table().address();
    let own = if T::OWN { class } else { own_table().address() };
    let shell = Box::leak(Box::new(Shell { own, implementation: std::ptr::null(), class }));
    shell.implementation = &raw const shell.class;
    let address = std::ptr::from_mut(shell).addr();
    let parent = parent.map(Ptr::addr);
    let mut registry = registry();
    *registry.created.entry(T::NAME).or_default() += 1;
    let record = Record {
        class: T::NAME,
        owned: T::OWNED,
        state: Arc::new(state),
        outlived_by: parent.into_iter().collect(),
        deleted_with: parent.filter(|_| T::OWNED),
    };
    registry.live.insert(address, record);
    std::ptr::from_mut(shell).cast()
}

/// The state behind a `V…` pointer (or a parser), as a method gets it.
pub(crate) fn state<T: Class>(this: Ptr) -> Arc<T> {
    state_at(if T::OWN { this.addr() } else { this.addr().wrapping_sub(IMPLEMENTATION) })
}

/// The state behind an `I…` pointer, as an argument.
pub(crate) fn argument<T: Class>(object: Ptr) -> Arc<T> {
    state_at(object.addr())
}

/// The `I…` pointer of the object whose method was called.
pub(crate) fn object_of(this: Ptr) -> Ptr {
    this.wrapping_byte_sub(IMPLEMENTATION)
}

fn state_at<T: Class>(address: usize) -> Arc<T> {
    let registry = registry();
    if let Some(record) = registry.live.get(&address) {
        if let Ok(state) = Arc::clone(&record.state).downcast() {
            return state;
        }
        stop(&format!("a {} was passed where a {} belongs", record.class, T::NAME));
    }
    match registry.dead.get(&address) {
        Some(class) => stop(&format!("a {class} was used after its deletion")),
        None => stop(&format!("{address:#x} was passed where a {} belongs", T::NAME)),
    }
}

/// The class of the object at a pointer of either kind.
pub(crate) fn class_at(pointer: Ptr) -> Option<&'static str> {
    let registry = registry();
    let class = |address: usize| {
        let live = registry.live.get(&address).map(|record| record.class);
        live.or_else(|| registry.dead.get(&address).copied())
    };
    class(pointer.addr()).or_else(|| class(pointer.addr().wrapping_sub(IMPLEMENTATION)))
}

/// Notes that `user` must be deleted before `used`; both `I…` pointers.
pub(crate) fn must_outlive(used: Ptr, user: Ptr) {
    if let Some(record) = registry().live.get_mut(&user.addr()) {
        record.outlived_by.push(used.addr());
    }
}

/// Takes back [`must_outlive`].
pub(crate) fn need_not_outlive(used: Ptr, user: Ptr) {
    if let Some(record) = registry().live.get_mut(&user.addr())
        && let Some(index) = record.outlived_by.iter().position(|address| *address == used.addr())
    {
        record.outlived_by.remove(index);
    }
}

/// The deleting destructor of every object.
pub(crate) extern "C" fn delete(object: Ptr) {
    let address = object.addr();
    let mut registry = registry();
    let Some(record) = registry.live.get(&address) else {
        match registry.dead.get(&address) {
            Some(class) => stop(&format!("a {class} was deleted twice")),
            None => stop(&format!("{address:#x} was deleted, which is no object")),
        }
    };
    let class = record.class;
    if record.owned {
        stop(&format!("a {class} was deleted by the caller: the library owns it"));
    }
    let user = registry
        .live
        .values()
        .find(|other| other.outlived_by.contains(&address) && other.deleted_with != Some(address));
    if let Some(user) = user {
        stop(&format!("a {class} was deleted before the {} that needs it", user.class));
    }
    let owned: Vec<usize> = registry
        .live
        .iter()
        .filter(|(_, other)| other.deleted_with == Some(address))
        .map(|(address, _)| *address)
        .collect();
    let mut states = Vec::new();
    for gone in owned.into_iter().chain([address]) {
        if let Some(record) = registry.live.remove(&gone) {
            registry.dead.insert(gone, record.class);
            states.push(record.state);
        }
    }
    drop(registry); // a state may hold much, and its drop must not need the registry
    drop(states);
}

/// The table in which an `I…` object is deleted.
fn own_table() -> &'static Table {
    static TABLE: OnceLock<&'static Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Vtable::new("I");
        table.set(DELETE, delete);
        table.finish()
    })
}

/// Per class: how many were made and how many live.
pub(crate) fn counts() -> BTreeMap<&'static str, (u64, u64)> {
    let registry = registry();
    let mut counts: BTreeMap<&'static str, (u64, u64)> =
        registry.created.iter().map(|(class, made)| (*class, (*made, 0))).collect();
    for record in registry.live.values() {
        counts.entry(record.class).or_default().1 += 1;
    }
    counts
}

static EXECUTIONS: AtomicU64 = AtomicU64::new(0);

/// Counts an execution.
pub(crate) fn executed() {
    EXECUTIONS.fetch_add(1, Ordering::Relaxed);
}

/// How many executions there were.
pub(crate) fn executions() -> u64 {
    EXECUTIONS.load(Ordering::Relaxed)
}

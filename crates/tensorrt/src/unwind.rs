//! Panics of callbacks, which must not cross the library's frames.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a callback's body. A panic stays here and its message is given back; the value that was
/// thrown may panic again when it is dropped, and that stays here as well.
pub(crate) fn caught<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|thrown| {
        let message = message(&*thrown);
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(thrown))) {
            std::mem::forget(second);
        }
        message
    })
}

fn message(thrown: &(dyn Any + Send)) -> String {
    let text = thrown.downcast_ref::<&str>().copied();
    let text = text.or_else(|| thrown.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("a thrown value that panics in its drop");
            }
        }
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(caught(|| panic!("a {}", "text")), Err::<(), _>("a text".to_owned()));
        assert_eq!(caught(|| panic!("literal")), Err::<(), _>("literal".to_owned()));
        assert_eq!(caught(|| std::panic::panic_any(Bomb)), Err::<(), _>("no message".to_owned()));
    }
}

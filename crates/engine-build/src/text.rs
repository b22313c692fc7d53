//! Times and sizes as people read them, and errors of backends as faults of the stage.

use backend::Error;
use pipeline::Fault;

/// Nanoseconds as `1.24 s`, `38.1 ms` or `512 µs`.
pub fn duration(ns: i64) -> String {
    let ns = ns as f64;
    if ns >= 1e9 {
        format!("{:.2} s", ns / 1e9)
    } else if ns >= 1e6 {
        format!("{:.1} ms", ns / 1e6)
    } else {
        format!("{:.0} µs", ns / 1e3)
    }
}

/// Bytes as `97.8 MiB`, `12.3 KiB` or `812 B`.
pub fn bytes(n: i64) -> String {
    let value = n as f64;
    if value >= f64::from(1 << 20) {
        format!("{:.1} MiB", value / f64::from(1 << 20))
    } else if value >= f64::from(1 << 10) {
        format!("{:.1} KiB", value / f64::from(1 << 10))
    } else {
        format!("{n} B")
    }
}

/// A time that has passed, in its largest unit: `3 d`, `5 h`, `12 min`, `7 s`.
pub fn age(passed: std::time::Duration) -> String {
    let seconds = passed.as_secs();
    match seconds {
        86_400.. => format!("{} d", seconds / 86_400),
        3_600.. => format!("{} h", seconds / 3_600),
        60.. => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

/// Now, in UTC, to the second.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A backend's error with its exit code and its hint.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub fn fault_of(error: Error) -> Fault {
    Fault::of(&error, Error::exit_code, Error::hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::Exit;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [1_240_000_000, 38_100_000, 512_000].map(duration),
            ["1.24 s", "38.1 ms", "512 µs"]
        );
        assert_eq!([102_552_000, 12_600, 812].map(bytes), ["97.8 MiB", "12.3 KiB", "812 B"]);
    }

    #[test]
    fn errors_keep_their_code_and_hint() {
        let shape = Error::Shape { input: "x".into(), reason: "open".into() };
        let error = anyhow::Error::from(fault_of(shape));
        assert_eq!(pipeline::fault::exit_of(&error), Exit::Config);
        assert_eq!(pipeline::fault::hints_of(&error).len(), 1);
        let io = Error::Io { path: "p".into(), source: std::io::ErrorKind::StorageFull.into() };
        let error = anyhow::Error::from(fault_of(io));
        assert_eq!(pipeline::fault::exit_of(&error), Exit::Environment);
    }
}

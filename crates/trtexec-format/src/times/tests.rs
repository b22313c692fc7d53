//! Every version's rows, cut files, hostile ones, and the way there and back.

use std::io::{Cursor as Bytes, Read};

use proptest::prelude::*;

use super::*;

fn read(text: &[u8]) -> (Result<Vec<Row>, String>, End) {
    let mut rows = Rows::new(Bytes::new(text));
    let found = rows.by_ref().collect::<Result<Vec<Row>, Error>>();
    (found.map_err(|error| error.to_string()), rows.end().clone())
}

fn whole(text: &str) -> Vec<Row> {
    let (rows, end) = read(text.as_bytes());
    assert_eq!(end, End::Complete);
    rows.unwrap()
}

fn refused(text: &str) -> String {
    read(text.as_bytes()).0.unwrap_err()
}

const TEN: &str = r#"[
  { "startEnqMs" : 0.5, "endEnqMs" : 0.9, "startH2dMs" : 1, "endH2dMs" : 1.25, "startComputeMs" : 1.25, "endComputeMs" : 3.5, "startD2hMs" : 3.5, "endD2hMs" : 3.6, "h2dMs" : 0.25, "computeMs" : 2.2501, "d2hMs" : 1e-05, "latencyMs" : 2.50011 }
, { "startEnqMs" : 1.5, "endEnqMs" : 1.9, "startH2dMs" : 2, "endH2dMs" : 2.25, "startComputeMs" : 3.5, "endComputeMs" : 5.5, "startD2hMs" : 5.5, "endD2hMs" : 5.6, "h2dMs" : 0.25, "computeMs" : 2, "d2hMs" : 0.1, "latencyMs" : 2.35, "endToEndMs" : 3.6 }
]
"#;

#[test]
fn the_keys_of_8_to_11_are_read() {
    let rows = whole(TEN);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].compute(), 2_250_100, "its own value, not the difference");
    assert_eq!(rows[0].compute_of_stamps(), Some(2_250_000));
    assert_eq!((rows[0].d2h(), rows[0].enqueue()), (Some(10), Some(400_000)));
    assert_eq!((rows[1].latency_ns, rows[1].end_to_end_ns), (Some(2_350_000), Some(3_600_000)));
}

#[test]
fn the_keys_of_7_are_read_and_the_swapped_ones_of_7_2_put_right() {
    let seven = r#"{ "startInMs" : 1, "endInMs" : 2, "startComputeMs" : 2, "endComputeMs" : 4, "startOutMs" : 4, "endOutMs" : 5, "inMs" : 1, "computeMs" : 2, "outMs" : 1, "latencyMs" : 4, "endToEndMs" : 4 }"#;
    let row = whole(&format!("[{seven}]"))[0];
    assert_eq!((row.h2d(), row.d2h()), (Some(1_000_000), Some(1_000_000)));
    assert_eq!((row.start_h2d_ns, row.end_d2h_ns), (Some(1_000_000), Some(5_000_000)));
    assert_eq!(row.start_enqueue_ns, None);
    let swapped = seven.replace(
        "\"startComputeMs\"",
        "\"startEnqMs\" : 1.125, \"endEnqMs\" : 1.75, \"startComputeMs\"",
    );
    let row = whole(&format!("[{swapped}]"))[0];
    assert_eq!((row.start_h2d_ns, row.end_h2d_ns), (Some(1_125_000), Some(1_750_000)));
    assert_eq!((row.start_enqueue_ns, row.enqueue()), (Some(1_000_000), Some(1_000_000)));
}

#[test]
fn a_row_may_be_minimal_in_any_order_and_say_more_than_is_known() {
    let row = whole(
        r#"[{"endComputeMs": 3.75,"startComputeMs":1.5, "x": {"y": [1, "}", {}], "z": null}}]"#,
    )[0];
    assert_eq!((row.compute(), row.h2d(), row.compute_ns), (2_250_000, None, None));
    let rows =
        whole(r#"[{"computeMs":1},{"note":"a\"b","computeMs":2e0},{"computeMs":3,"h2dMs":null}]"#);
    assert_eq!(
        rows.iter().map(Row::compute).collect::<Vec<_>>(),
        [1_000_000, 2_000_000, 3_000_000]
    );
    assert_eq!(whole("[]"), []);
    assert_eq!(whole(" [ ] \n"), []);
}

#[test]
fn numbers_become_nanoseconds_without_a_float() {
    let ns = |text: &str| whole(&format!("[{{\"computeMs\":{text}}}]"))[0].compute();
    for (text, expected) in [
        ("2.96048", 2_960_480),
        ("0.00747681", 7_477),
        ("1e-05", 10),
        ("1.5E-6", 2),
        ("4e-7", 0),
        ("1e-400", 0),
        ("0e999999999999", 0),
        ("1.2345678901234567890123456789", 1_234_568),
        ("100000000000000000000e-20", 1_000_000),
        ("1e+3", 1_000_000_000),
        ("30505.4", 30_505_400_000),
        ("10000000000", LONGEST_NS),
    ] {
        assert_eq!(ns(text), expected, "{text}");
    }
    let stamp = whole(r#"[{"startH2dMs":-0.25,"computeMs":1}]"#)[0].start_h2d_ns;
    assert_eq!(stamp, Some(-250_000));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, what) in [
        ("{}", "row 1, byte 0: expected `[`"),
        ("nonsense", "found `nonsense`"),
        ("\u{7f}ELF\u{2}", "found the byte 0x7f"),
        ("[1]", "expected a row"),
        ("[[[[[[[[", "expected a row"),
        ("[{}]", "neither computeMs nor"),
        (r#"[{"computeMs": 1}, {"h2dMs": 1}]"#, "row 2, byte 19: neither computeMs"),
        (r#"[{"computeMs": nan}]"#, "expected a number for computeMs, found `nan}]`"),
        (r#"[{"computeMs": inf}]"#, "found `inf}]`"),
        (r#"[{"computeMs": -nan}]"#, "found `-nan}]`"),
        (r#"[{"computeMs": "1"}]"#, "expected a number"),
        (r#"[{"computeMs": 1e}]"#, "digits of an exponent"),
        (r#"[{"computeMs": 1e300}]"#, "above 115 days"),
        (r#"[{"computeMs": 123456789012345678901234567890}]"#, "above 115 days"),
        (r#"[{"computeMs": -1}]"#, "compute takes a negative time"),
        (r#"[{"startComputeMs": 2, "endComputeMs": 1}]"#, "negative time"),
        (r#"[{"computeMs": 1, "computeMs": 2}]"#, "computeMs stands twice"),
        (r#"[{"computeMs" 1}]"#, "expected `:`"),
        (r#"[{"computeMs": 1,}]"#, "expected a key"),
        (r#"[{"computeMs": 1 "h2dMs": 1}]"#, "expected `,` or `}`"),
        (r#"[{"computeMs": 1},]"#, "expected a row"),
        (r#"[{"computeMs": 1} {"computeMs": 1}]"#, "expected `,` or `]`"),
        (r#"[{"computeMs": 1}] x"#, "nothing after `]`"),
        ("[{\"a\nb\": 1}]", "control characters"),
        (r#"[{"x": }]"#, "expected a value"),
    ] {
        let error = refused(text);
        assert!(error.contains(what), "{text}: {error}");
    }
    let deep = format!("[{{\"x\": {}", "[".repeat(100_000));
    assert!(refused(&deep).contains("at most 32"), "no recursion");
    let long = format!("[{{\"x\": \"{}", "y".repeat(1 << 20));
    assert!(refused(&long).contains("a row of more than 256 KiB"));
}

#[test]
fn a_file_cut_anywhere_keeps_its_complete_rows() {
    let first = TEN.find("}\n,").unwrap();
    for cut in 0..TEN.trim_end().len() {
        let (rows, end) = read(&TEN.as_bytes()[..cut]);
        let rows = rows.unwrap_or_else(|error| panic!("{cut}: {error}"));
        let second = TEN.rfind('}').unwrap();
        let expected = usize::from(cut > first) + usize::from(cut > second);
        assert_eq!(rows.len(), expected, "cut at {cut}");
        let End::CutOff { at, why } = end else { panic!("{cut}: complete") };
        assert_eq!(at, cut as u64);
        assert!(why.contains(&format!("after {expected} complete row")), "{why}");
    }
    let blank = format!("[{}{{\"computeMs\":1}}{}]", " ".repeat(600_000), "\n".repeat(600_000));
    assert_eq!(whole(&blank).len(), 1, "white space is no row");
    let mut zeros = TEN.as_bytes()[..first + 2].to_vec();
    zeros.resize(600_000, 0);
    let (rows, end) = read(&zeros);
    assert_eq!(rows.unwrap().len(), 1);
    let End::CutOff { at, why } = end else { panic!("complete") };
    assert!(at == first as u64 + 2 && why.contains("zero bytes"), "{at} {why}");
    zeros.push(b'x');
    assert!(read(&zeros).0.is_err());
}

/// Gives a few bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(self.0.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

#[test]
fn rows_across_buffers_are_the_same() {
    let rows: Vec<Row> = (0..5_000_i64).map(numbered).collect();
    let mut text = Vec::new();
    write(&mut text, rows.iter().copied()).unwrap();
    assert!(text.len() > 1 << 20, "{}", text.len());
    for step in [1, 7, 4096, 1 << 20] {
        let found: Vec<Row> = Rows::new(Slow(&text, step)).map(Result::unwrap).collect();
        assert_eq!(found, rows, "{step} bytes at a time");
    }
}

fn numbered(k: i64) -> Row {
    let at = k * 2_178_123;
    Row {
        start_enqueue_ns: Some(at - 77),
        end_enqueue_ns: Some(at + 426_001),
        start_h2d_ns: Some(at),
        end_h2d_ns: Some(at + 43_000),
        start_compute_ns: Some(at + 43_001),
        end_compute_ns: Some(at + 2_221_001),
        start_d2h_ns: Some(at + 2_221_001),
        end_d2h_ns: Some(at + 2_226_000),
        h2d_ns: Some(43_000),
        compute_ns: Some(2_178_000),
        d2h_ns: Some(4_999),
        latency_ns: Some(2_225_999),
        end_to_end_ns: None,
    }
}

fn time() -> impl Strategy<Value = Option<i64>> {
    let any = prop_oneof![0..=LONGEST_NS, 0..100_000_i64, Just(0), Just(LONGEST_NS)];
    proptest::option::of(any)
}

prop_compose! {
    fn any_row()(stamp in time(), enqueue in time(), h2d in time(), compute in 0..=LONGEST_NS, d2h in time(), latency in time()) -> Row {
        Row {
            start_enqueue_ns: stamp.map(|ns| -ns / 2),
            end_enqueue_ns: enqueue,
            start_h2d_ns: stamp,
            start_compute_ns: stamp,
            h2d_ns: h2d,
            compute_ns: Some(compute),
            d2h_ns: d2h,
            latency_ns: latency,
            ..Row::default()
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in proptest::collection::vec(any_row(), 0..20)) {
        let mut text = Vec::new();
        write(&mut text, rows.iter().copied()).unwrap();
        let (found, end) = read(&text);
        prop_assert_eq!(found.unwrap(), rows);
        prop_assert_eq!(end, End::Complete);
    }

    #[test]
    fn no_bytes_end_otherwise_than_in_rows_or_an_error(noise in proptest::collection::vec(any::<u8>(), 0..300), at in 0..600_usize) {
        let mut text = TEN.as_bytes().to_vec();
        let at = at.min(text.len());
        text.splice(at..at, noise.iter().copied());
        let _ = read(&text);
        let _ = read(&noise);
    }

    #[test]
    fn one_changed_byte_never_invents_rows(at in 0..680_usize, byte in any::<u8>()) {
        let mut text = TEN.as_bytes().to_vec();
        let at = at.min(text.len() - 1);
        text[at] = byte;
        if let Ok(rows) = read(&text).0 {
            prop_assert!(rows.len() <= 2);
        }
    }
}

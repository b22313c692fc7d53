//! Every distribution on every element type: repeatable, within its range, and fixed values where they are given.

use super::*;

fn spec(element: ElementType, dims: &[usize]) -> TensorSpec {
    TensorSpec { name: "x".into(), element, dims: dims.to_vec() }
}

#[test]
fn distributions_are_what_they_say() {
    for distribution in Distribution::ALL {
        assert_eq!(distribution.as_str().parse(), Ok(distribution));
        let feeds = Feeds { distribution, ..Feeds::default() };
        let of = |seed, index| fill(&feeds, seed, index, &spec(ElementType::F32, &[100, 100]));
        let values = of(1, 0);
        assert_eq!(values, of(1, 0));
        assert_eq!(of(1001, 0), of(1, 1), "each input has a stream of its own");
        let mean = values.iter().sum::<f32>() / 1e4;
        let square = values.iter().map(|v| v * v).sum::<f32>() / 1e4;
        let (low, high) = (
            values.iter().copied().fold(f32::MAX, f32::min),
            values.iter().copied().fold(f32::MIN, f32::max),
        );
        match distribution {
            Distribution::ImageLike => assert_eq!(values, image_like(1, &[100, 100])),
            Distribution::Normal => assert!(mean.abs() < 0.05 && (square - 1.0).abs() < 0.06),
            Distribution::Uniform => {
                assert!((mean - 0.5).abs() < 0.02 && low >= 0.0 && high < 1.0);
            }
            Distribution::Wide => {
                assert!(low < -20.0 && high > 20.0 && values.iter().any(|v| v.abs() < 1e-3));
            }
        }
    }
    assert!("flat".parse::<Distribution>().unwrap_err().contains("`image-like`"));
}

#[test]
fn integers_flags_and_fixed_values() {
    let feeds =
        Feeds { fixed: [("sr".to_owned(), Fixed::Value(16_000.0))].into(), ..Feeds::default() };
    let of = |element, dims: &[usize]| fill(&feeds, 3, 0, &spec(element, dims));
    assert!(of(ElementType::I64, &[99]).iter().all(|v| (0.0..4.0).contains(v) && v.fract() == 0.0));
    assert!(of(ElementType::Bool, &[99]).iter().all(|v| [0.0, 1.0].contains(v)));
    let bytes = of(ElementType::U8, &[32, 32]);
    assert!(bytes.iter().all(|v| (0.0..=255.0).contains(v) && v.fract() == 0.0));
    assert!(bytes.iter().any(|v| *v > 150.0) && bytes.iter().any(|v| *v < 100.0));
    assert_eq!(of(ElementType::F32, &[]).len(), 1, "a scalar");
    assert!(of(ElementType::F32, &[2, 0, 4]).is_empty());
    let sr = TensorSpec { name: "sr".into(), ..spec(ElementType::I64, &[]) };
    assert_eq!(fill(&feeds, 3, 5, &sr), [16_000.0]);
    feeds.check(std::slice::from_ref(&sr)).unwrap();
    let error = feeds.check(&[spec(ElementType::I64, &[])]).unwrap_err();
    assert!(error.to_string().contains("input `sr`") && error.to_string().contains("`x`"));
    let error = feeds.check(&[TensorSpec { element: ElementType::U8, ..sr }]).unwrap_err();
    assert!(error.to_string().contains("16000 does not fit its type uint8"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn fixed_values_are_read_and_written() {
    assert_eq!(parse_input("sr=16000"), Ok(("sr".into(), Fixed::Value(16_000.0))));
    assert_eq!(parse_input("a=b=zeros"), Ok(("a=b".into(), Fixed::Zeros)));
    for text in ["sr", "=1", "sr=", "sr=loud", "sr=nan", "sr=inf"] {
        assert!(parse_input(text).unwrap_err().contains("NAME=VALUE"), "{text}");
    }
    let fixed = [("sr".to_owned(), Fixed::Value(8e3)), ("state".to_owned(), Fixed::Zeros)];
    let feeds = Feeds { fixed: fixed.into(), ..Feeds::default() };
    assert_eq!(feeds.fixed_texts(), ["sr=8000", "state=zeros"]);
    let back: BTreeMap<_, _> =
        feeds.fixed_texts().iter().map(|t| parse_input(t).unwrap()).collect();
    assert_eq!(back, feeds.fixed);
}

#[test]
fn looks_like_a_normalised_photograph() {
    let values = image_like(1, &[2, 3, 64, 64]);
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
    assert_eq!(values.len(), 2 * 3 * 64 * 64);
    assert!(mean.abs() < 0.3 && (0.6..1.4).contains(&sd), "mean {mean}, sd {sd}");
    assert!(values.iter().all(|v| v.is_finite()));
}

#[test]
fn seeds_differ_and_repeat() {
    assert_eq!(image_like(7, &[1, 10]), image_like(7, &[1, 10]));
    assert_ne!(image_like(7, &[1, 10]), image_like(8, &[1, 10]));
    assert_eq!(image_like(7, &[]).len(), 1);
}

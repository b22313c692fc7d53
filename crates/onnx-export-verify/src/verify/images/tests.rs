//! Every value is compared with what torchvision made: `images/make.py` wrote `images/golden.txt`.

use super::*;

/// A picture that a few lines of any language draw: `pattern` in `make.py`.
fn pattern(height: usize, width: usize) -> Picture {
    let value = |y: usize, x: usize, c: usize| (x * 7 + y * 13 + c * 29 + (x * y) % 251 * 3) % 256;
    let pixels = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| value(y, x, c) as u8)))
        .collect();
    Picture { height, width, channels: 3, pixels }
}

fn picture(name: &str) -> Picture {
    match name {
        "pattern-701x523" => pattern(701, 523),
        "pattern-333x1000" => pattern(333, 1000),
        "pattern-37x911" => pattern(37, 911),
        "pattern-wide" => pattern(400, 700),
        _ => {
            let file = format!("{}.png", name.split('-').next().unwrap());
            own().unwrap().into_iter().find(|photo| photo.name == file).unwrap().picture
        }
    }
}

#[test]
fn tensors_are_those_of_torchvision_bit_for_bit() {
    let golden = include_str!("../../../images/golden.txt");
    let mut cases = 0;
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let size = |word: usize| words[word].parse::<usize>().unwrap();
        let values = tensor(&picture(words[0]), size(3), size(1), size(2));
        let some = [values[0], values[values.len() / 2], values[values.len() - 1]];
        let expected: Vec<f32> = words[5..].iter().map(|word| word.parse().unwrap()).collect();
        assert_eq!(some.to_vec(), expected, "{}", words[0]);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(Digest::of_bytes(&bytes).as_str(), words[4], "{}", words[0]);
        cases += 1;
    }
    assert_eq!(cases, 10);
}

#[test]
fn any_size_is_covered() {
    for (height, width) in [(8, 8), (640, 32), (32, 640), (224, 224), (1, 500), (513, 7)] {
        for channels in [1, 3] {
            let values = tensor(&pattern(37, 211), channels, height, width);
            assert_eq!(values.len(), channels * height * width);
            assert!(values.iter().all(|value| value.abs() < 3.0));
        }
    }
    assert!(fits(&[2, 3, 224, 224]) && fits(&[1, 1, 28, 28]));
    assert!(!fits(&[1, 4, 224, 224]) && !fits(&[1, 3, 224]) && !fits(&[1, 3, 1, 576]));
}

#[test]
fn files_that_are_no_pictures_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |what: &str| {
        let error = super::folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    refuse("holds no PNG or JPEG file");
    let good = include_bytes!("../../../images/coffee.png");
    std::fs::write(folder.path().join("a.png"), &good[..good.len() / 2]).unwrap();
    refuse("a.png: cannot be decoded");
    std::fs::write(folder.path().join("a.png"), b"no picture").unwrap();
    refuse("neither PNG nor JPEG");
    // a header that claims 2^31 pixels a side
    let mut huge = good.to_vec();
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    assert!(decode(&huge).is_err());
    std::fs::write(folder.path().join("a.png"), good).unwrap();
    assert_eq!(super::folder(folder.path()).unwrap()[0].name, "a.png");
}

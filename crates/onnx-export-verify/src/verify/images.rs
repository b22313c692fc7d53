//! Photographs as a classifier sees them: torchvision's preprocessing, bit for bit.
//!
//! `Resize` (bilinear with antialiasing over bytes, as PIL does it) → `CenterCrop` → divided by 255 → `Normalize`.
//! For a 224 × 224 input the shorter side becomes 256 first; any other size keeps that proportion (8 : 7), and where
//! height and width differ the picture covers both. An input of one channel gets the grey picture with the mean of
//! the three channels' statistics.
//!
//! Three photographs are part of the program (`images/README.md` has source and licence), so that it works anywhere;
//! a folder of PNG and JPEG files may take their place.

mod decode;
mod resize;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::Result;
use pipeline::{Digest, Fault};

use crate::small_file;

pub use decode::{LARGEST_SIDE, decode};

/// Channel means of ImageNet, as torchvision's weights ask for.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Channel deviations of ImageNet.
const STD: [f32; 3] = [0.229, 0.224, 0.225];
/// The same for grey pictures.
const GREY: (f32, f32) = (0.449, 0.226);
/// Most photographs of a folder that are used: every one is an inference on every engine.
const MOST: usize = 100;
/// Largest file that is read.
const LARGEST_FILE: u64 = 256 << 20;

/// A picture of bytes: `channels` (1 or 3) interleaved, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// `height × width × channels` bytes.
    pub pixels: Vec<u8>,
}

/// A picture with its name and the digest of its file.
#[derive(Clone, Debug)]
pub struct Photo {
    /// Name of the file.
    pub name: String,
    /// Digest of the file.
    pub digest: Digest,
    /// The picture, in colour.
    pub picture: Picture,
}

impl Photo {
    fn read(name: &str, bytes: &[u8]) -> Result<Self> {
        let picture = decode(bytes).map_err(|reason| {
            Fault::config(format!("{name}: {reason}"))
                .hint("photographs are PNG or JPEG files of at least one pixel")
        })?;
        Ok(Self { name: name.to_owned(), digest: Digest::of_bytes(bytes), picture })
    }
}

/// The photographs that are part of the program.
///
/// # Errors
/// None that a user can cause: a test decodes them.
pub fn own() -> Result<Vec<Photo>> {
    let files: [(&str, &[u8]); 3] = [
        ("astronaut.png", include_bytes!("../../images/astronaut.png")),
        ("chelsea.png", include_bytes!("../../images/chelsea.png")),
        ("coffee.png", include_bytes!("../../images/coffee.png")),
    ];
    files.iter().map(|(name, bytes)| Photo::read(name, bytes)).collect()
}

/// The PNG and JPEG files of a folder, in the order of their names.
///
/// # Errors
/// Exit 2 when the folder cannot be read, holds none or too many, or one of them is no picture.
pub fn folder(path: &Path) -> Result<Vec<Photo>> {
    let files = list(path)?;
    let wrong = |what: &str| wrong(path, what);
    let read = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes =
            small_file(file, LARGEST_FILE).map_err(|why| wrong(&format!("{name} {why}")))?;
        Photo::read(&name, &bytes)
    };
    files.iter().map(read).collect()
}

/// The files that [`folder`] reads.
///
/// # Errors
/// Exit 2 when the folder cannot be read, or holds none or too many.
pub fn list(path: &Path) -> Result<Vec<PathBuf>> {
    let wrong = |what: &str| wrong(path, what);
    let entries = std::fs::read_dir(path).map_err(|why| wrong("cannot be read").because(why))?;
    let is_picture = |path: &Path| {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| is_picture(path));
    files.sort();
    if files.is_empty() {
        return Err(wrong("holds no PNG or JPEG file").into());
    }
    if files.len() > MOST {
        return Err(wrong(&format!("holds {} pictures, more than {MOST}", files.len())).into());
    }
    Ok(files)
}

fn wrong(folder: &Path, what: &str) -> Fault {
    let hint = "images = \"folder\" is a folder of PNG or JPEG files, relative to the project root";
    Fault::config(format!("{}: {what}", folder.display())).hint(hint)
}

/// Whether an input can be fed a picture: `N×C×H×W` with one or three channels, each side at least 8 pixels.
pub fn fits(dims: &[usize]) -> bool {
    let sides = 8..=LARGEST_SIDE;
    matches!(dims, [_, 1 | 3, height, width] if sides.contains(height) && sides.contains(width))
}

/// What torchvision's transforms make of a picture: `channels × height × width` values, row-major.
pub fn tensor(picture: &Picture, channels: usize, height: usize, width: usize) -> Vec<f32> {
    let grey;
    let picture = if channels == 1 && picture.channels == 3 {
        grey = picture.grey();
        &grey
    } else {
        picture
    };
    let (tall, wide) = covering(picture, height, width);
    let resized = resize::bilinear(picture, tall, wide);
    normalised(&resized, height, width)
}

/// Size to which a picture is scaled before `height × width` is cut out: one side is 8/7 of its target, the other
/// follows, rounded down as torchvision does, and is not smaller than that.
fn covering(picture: &Picture, height: usize, width: usize) -> (usize, usize) {
    let margin = |side: usize| (side * 16 + 7) / 14;
    let (tall, wide) = (margin(height), margin(width));
    // compares tall/height with wide/width of the picture without dividing
    if tall * picture.width >= wide * picture.height {
        (tall, (tall * picture.width / picture.height).max(width))
    } else {
        ((wide * picture.height / picture.width).max(height), wide)
    }
}

/// The middle of a picture, divided by 255, less the mean, divided by the deviation.
fn normalised(picture: &Picture, height: usize, width: usize) -> Vec<f32> {
    let (top, left) = (half_to_even(picture.height - height), half_to_even(picture.width - width));
    let channels = picture.channels;
    let mut values = Vec::with_capacity(channels * height * width);
    for channel in 0..channels {
        let (mean, std) = if channels == 1 { GREY } else { (MEAN[channel], STD[channel]) };
        for y in top..top + height {
            for x in left..left + width {
                let byte = picture.pixels[(y * picture.width + x) * channels + channel];
                values.push((f32::from(byte) / 255.0 - mean) / std);
            }
        }
    }
    values
}

/// Half of a number, rounded to even as Python's `round` does.
fn half_to_even(n: usize) -> usize {
    let half = n / 2;
    if n % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}

impl Picture {
    /// Brightness, with PIL's integer weights.
    fn grey(&self) -> Self {
        let brightness = |rgb: &[u8; 3]| {
            let [r, g, b] = rgb.map(u32::from);
            ((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8
        };
        let pixels = self.pixels.as_chunks::<3>().0.iter().map(brightness).collect();
        Self { channels: 1, pixels, ..*self }
    }
}

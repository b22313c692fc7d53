//! PNG and JPEG files as pictures of bytes, in colour. Sizes are limited before anything is allocated.

use png::{ColorType, Decoder, Limits, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::Picture;

/// Longest side of a picture, in pixels.
pub const LARGEST_SIDE: usize = 16_384;
/// Most pixels of a picture.
const LARGEST_AREA: usize = 1 << 26;

/// Reads a PNG or JPEG file; transparency is dropped, grey becomes colour.
///
/// # Errors
/// Why it cannot be read, for the user.
pub fn decode(bytes: &[u8]) -> Result<Picture, String> {
    let picture = if bytes.starts_with(b"\x89PNG") {
        png(bytes)
    } else if bytes.starts_with(&[0xff, 0xd8]) {
        jpeg(bytes)
    } else {
        Err("is neither PNG nor JPEG".to_owned())
    }?;
    let expected = picture.height * picture.width * picture.channels;
    if picture.pixels.len() == expected && expected > 0 {
        Ok(picture)
    } else {
        Err("has another number of pixels than it says".to_owned())
    }
}

/// Refuses sizes that no photograph has.
fn sized(height: usize, width: usize) -> Result<(), String> {
    let side = 1..=LARGEST_SIDE;
    if side.contains(&height) && side.contains(&width) && height * width <= LARGEST_AREA {
        return Ok(());
    }
    Err(format!("has {width} x {height} pixels, beyond what is read"))
}

fn png(bytes: &[u8]) -> Result<Picture, String> {
    let broken = |why: png::DecodingError| format!("cannot be decoded: {why}");
    let mut decoder = Decoder::new_with_limits(bytes, Limits { bytes: 4 * LARGEST_AREA });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(broken)?;
    let (width, height) = reader.info().size();
    let (width, height) = (width as usize, height as usize);
    sized(height, width)?;
    let mut buffer = vec![0; reader.output_buffer_size()];
    let frame = reader.next_frame(&mut buffer).map_err(broken)?;
    buffer.truncate(frame.buffer_size());
    let pixels = match frame.color_type {
        ColorType::Rgb => buffer,
        ColorType::Rgba => {
            buffer.as_chunks::<4>().0.iter().flat_map(|p| [p[0], p[1], p[2]]).collect()
        }
        ColorType::Grayscale => buffer.iter().flat_map(|&grey| [grey; 3]).collect(),
        ColorType::GrayscaleAlpha => {
            buffer.as_chunks::<2>().0.iter().flat_map(|p| [p[0]; 3]).collect()
        }
        ColorType::Indexed => return Err("has a palette that was not expanded".to_owned()),
    };
    Ok(Picture { height, width, channels: 3, pixels })
}

fn jpeg(bytes: &[u8]) -> Result<Picture, String> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(LARGEST_SIDE)
        .set_max_height(LARGEST_SIDE)
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|why| format!("cannot be decoded: {why}"))?;
    let info = decoder.info().ok_or("has no header")?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    sized(height, width)?;
    let pixels = decoder.decode().map_err(|why| format!("cannot be decoded: {why}"))?;
    Ok(Picture { height, width, channels: 3, pixels })
}

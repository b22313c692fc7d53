//! A float16 model on engines that compute in float32: its twin rounds every activation, see [`super::rounded`].

use anyhow::Result;

use super::engines::{Answers, Engines, Feeding, Subject};
use super::rounded::{Rounding, rounded, rounded_by};
use crate::{fault, load_whole, say};

/// What the name of an engine ends with where it ran the twin.
pub const SUFFIX: &str = ", float16 activations";

/// The twin's answers on the first engine that can run it, with the name of that engine; else why there are none.
///
/// One engine is enough: that engines agree about the model is shown without the twin.
///
/// # Errors
/// The twin cannot be written (exit 4).
pub(super) fn answers(
    subject: &Subject,
    feeding: &Feeding<'_>,
    engines: &Engines,
) -> Result<Result<(String, Answers), String>> {
    let model = load_whole(&subject.path)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("twin.onnx");
    let label = format!("{}{SUFFIX}", subject.label);
    let feeding = Feeding { optimise: false, ..*feeding };
    let mut why = Vec::new();
    for engine in &engines.list {
        // casts are faster where they round
        let twin = if engine.is_onnxruntime() {
            rounded_by(&model, Rounding::Casts)
        } else {
            rounded(&model)
        };
        let twin = match twin {
            Ok(twin) => twin,
            Err(error) => {
                why.push(format!("{error:#}"));
                continue;
            }
        };
        backend::onnx::save(&path, &twin).map_err(fault)?;
        let twin = Subject { path: path.clone(), label: label.clone(), ..subject.clone() };
        let text = format!("running {label} on {}", engine.name);
        match say::while_working(text, || engine.answers(&twin, &feeding)) {
            Ok(answers) => {
                for why in &why {
                    say::warning(&format!("{label}: {why}"));
                }
                return Ok(Ok((format!("{}{SUFFIX}", engine.name), answers)));
            }
            Err(error) => why.push(format!("{}: {error}", engine.name)),
        }
    }
    why.dedup();
    Ok(Err(format!("float16 activations are not verified: {}", why.join("; "))))
}

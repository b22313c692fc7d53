//! The precision that an engine has against the one that was asked for.

use backend::{Capabilities, Precision};
use pipeline::Fault;

/// `→ fp32`, with the share where it is not what was asked for.
pub fn achieved(asked: &str, found: &str, share: Option<f64>) -> String {
    match share {
        _ if found == asked => format!("→ {found}"),
        _ if found.is_empty() => "→ unknown precision".to_owned(),
        Some(share) => {
            let percent = 100.0 * share;
            format!(
                "→ {found} (not as asked: {percent:.0} % of the weighted layers compute at {asked})"
            )
        }
        None => format!("→ {found} (not as asked)"),
    }
}

/// Why an engine is not what was asked for: float16 was, and a backend that can do it stayed at float32.
/// Others compute float16 models in float32, always: that is recorded in the row, and nothing that failed.
pub fn missed(
    can: Capabilities,
    asked: Precision,
    found: &str,
    share: Option<f64>,
) -> Option<Fault> {
    let stayed = asked == Precision::Fp16 && found == Precision::Fp32.as_str();
    (can.native_fp16 && stayed).then(|| {
        let share = share.map_or_else(String::new, |share| {
            format!(": {:.0} % of the weighted layers compute at fp16", 100.0 * share)
        });
        Fault::verification(format!("fp16 was asked for and the engine stayed fp32{share}")).hint(
            "the engine's layers tell the precision of each; ask for fp32 if that is what you want",
        )
    })
}

//! The models, one entry each, and what is expected of them.

use super::row::Kind;

/// One model.
pub(super) struct Model {
    /// What it is called in the table.
    pub(super) name: &'static str,
    /// Where its file comes from.
    pub(super) file: File,
    /// Whether CI runs it.
    pub(super) quick: bool,
    /// With which weights it runs.
    pub(super) weights: &'static [Weights],
    /// Sizes of inputs with open dimensions, as `NAME` and `1x3x48x192`.
    pub(super) shapes: &'static [(&'static str, &'static str)],
    /// Inputs that are not drawn, as `NAME` and a number or `zeros`.
    pub(super) inputs: &'static [(&'static str, &'static str)],
    /// Steps that are expected to end otherwise than well.
    pub(super) expected: &'static [Expected],
}

/// A file that `cargo xtask setup` fetches.
#[derive(Clone, Copy)]
pub(super) enum File {
    /// Of the ONNX package: `setup models`.
    Onnx(&'static str),
    /// Of RapidOCR's package, trained.
    Ocr(&'static str),
    /// Of Silero's package, trained.
    Voice(&'static str),
}

/// Whose weights.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weights {
    /// Those in the file.
    Own,
    /// Seeded ones in their place.
    Seeded,
}

impl Weights {
    /// The word in the table.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Seeded => "seeded",
        }
    }
}

/// A step that need not end well.
pub(super) struct Expected {
    /// With these weights.
    pub(super) weights: Weights,
    /// The column of the table.
    pub(super) column: &'static str,
    /// How it may end.
    pub(super) kinds: &'static [Kind],
}

const BOTH: &[Weights] = &[Weights::Own, Weights::Seeded];

const MAY_BE_REFUSED: &[Kind] = &[Kind::Refused, Kind::Passed];

/// Constant weights give every class the same answer, or logits of 1e20 of which one rounding decides: no proof
/// of anything, and verification says so. Operators, shapes, builds and runs are proved all the same.
const UNIFORM: &[Expected] = &[
    Expected { weights: Weights::Own, column: "fp32", kinds: MAY_BE_REFUSED },
    Expected { weights: Weights::Own, column: "fp16", kinds: MAY_BE_REFUSED },
];

/// Nineteen layers without normalisation or shortcuts: with seeded weights they magnify what rounding to float16 does
/// to inputs of wide magnitudes (7e-2 of the scale where 5e-2 is allowed), and the chain ends at verification.
const UNIFORM_AND_DEEP: &[Expected] = &[
    Expected { weights: Weights::Own, column: "fp32", kinds: MAY_BE_REFUSED },
    Expected { weights: Weights::Own, column: "fp16", kinds: MAY_BE_REFUSED },
    Expected { weights: Weights::Seeded, column: "fp16", kinds: MAY_BE_REFUSED },
    Expected { weights: Weights::Seeded, column: "onnxruntime-cpu", kinds: MAY_BE_REFUSED },
    Expected { weights: Weights::Seeded, column: "rten", kinds: MAY_BE_REFUSED },
];

/// TensorRT for RTX 1.7.1 takes open sizes of one name (`?`) for equal, and ends with an internal error of its own on
/// an `If` inside an `If`.
const NOT_ON_RTX: &[Expected] =
    &[Expected { weights: Weights::Own, column: "tensorrt-rtx", kinds: MAY_BE_REFUSED }];

/// On noise, where the detector sees nothing and answers about 1e-5, float16 is off by a third of the answer.
const DETECTOR: &[Expected] =
    &[Expected { weights: Weights::Own, column: "fp16", kinds: MAY_BE_REFUSED }];

const fn light(
    name: &'static str,
    file: &'static str,
    quick: bool,
    expected: &'static [Expected],
) -> Model {
    let (shapes, inputs) = (&[], &[]);
    Model { name, file: File::Onnx(file), quick, weights: BOTH, shapes, inputs, expected }
}

/// All models, the small ones first.
pub(super) const MODELS: &[Model] = &[
    light("squeezenet", "light_squeezenet.onnx", true, UNIFORM),
    light("shufflenet", "light_shufflenet.onnx", true, UNIFORM),
    light("inception-v1", "light_inception_v1.onnx", true, UNIFORM),
    light("inception-v2", "light_inception_v2.onnx", false, UNIFORM),
    light("densenet-121", "light_densenet121.onnx", false, UNIFORM),
    light("resnet-50", "light_resnet50.onnx", false, UNIFORM),
    light("alexnet", "light_bvlc_alexnet.onnx", false, UNIFORM),
    light("zfnet-512", "light_zfnet512.onnx", false, UNIFORM),
    light("vgg-19", "light_vgg19.onnx", false, UNIFORM_AND_DEEP),
    Model {
        name: "ocr-direction",
        file: File::Ocr("ch_ppocr_mobile_v2.0_cls_infer.onnx"),
        quick: false,
        weights: &[Weights::Own],
        shapes: &[("x", "1x3x48x192")],
        inputs: &[],
        expected: NOT_ON_RTX,
    },
    Model {
        name: "ocr-detector",
        file: File::Ocr("ch_PP-OCRv4_det_infer.onnx"),
        quick: false,
        weights: &[Weights::Own],
        shapes: &[("x", "1x3x320x320")],
        inputs: &[],
        expected: DETECTOR,
    },
    Model {
        name: "voice-detector",
        file: File::Voice("silero_vad.onnx"),
        quick: false,
        weights: &[Weights::Own],
        shapes: &[("input", "1x288"), ("state", "2x1x128")],
        inputs: &[("sr", "8000"), ("state", "zeros")],
        expected: NOT_ON_RTX,
    },
];

//! The allow-list: every global that a checkpoint may name, and what stands for it here.
//!
//! None of them is a function of Python. A rebuild function makes a [`super::heap::Tensor`], a container makes
//! a container, and what a training script keeps beside its weights (options, paths, dates, numpy's scalars)
//! is taken for [`super::heap::Value::Opaque`] whatever its arguments are.

use crate::checkpoint::Element;

/// A global that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::checkpoint) enum Global {
    /// A class that makes a dictionary: `OrderedDict`, `defaultdict`, …
    Dict,
    /// A class that makes a sequence of its argument: `set`, `torch.Size`, …
    Sequence,
    /// `_rebuild_tensor` and `_rebuild_tensor_v2`: storage, offset, size, stride, …
    Tensor,
    /// `_rebuild_tensor_v3`: the same with an element type.
    TypedTensor,
    /// `_rebuild_parameter`: the tensor that is its first argument.
    Parameter,
    /// `_rebuild_from_type_v2`: function, class, arguments, state.
    FromType,
    /// `_reconstructor`: class, base, state.
    Reconstructor,
    /// A class of storages; `None` = bytes of no type.
    Storage(Option<Element>),
    /// A type of elements.
    Element(Element),
    /// Something harmless that is of no use here.
    Inert,
    /// Something that is not on the list: the reading goes on, to name all of them, and then fails.
    Refused,
}

/// What `module.name` is.
pub(super) fn find(module: &str, name: &str) -> Option<Global> {
    let global = match module {
        "torch" | "torch.cuda" => return of_torch(name),
        "torch.storage" => match name {
            "UntypedStorage" | "_UntypedStorage" => Global::Storage(None),
            // appears as a class beside storages, never as a kind of one
            "TypedStorage" | "_TypedStorage" => Global::Inert,
            _ => return of_torch(name).filter(|global| matches!(global, Global::Storage(_))),
        },
        "torch._utils" => match name {
            "_rebuild_tensor" | "_rebuild_tensor_v2" => Global::Tensor,
            "_rebuild_tensor_v3" => Global::TypedTensor,
            "_rebuild_parameter" | "_rebuild_parameter_with_state" => Global::Parameter,
            _ => return None,
        },
        "torch._tensor" | "torch.tensor" if name == "_rebuild_from_type_v2" => Global::FromType,
        "torch._tensor" | "torch.tensor" if name == "Tensor" => Global::Inert,
        "torch.nn.parameter" if matches!(name, "Parameter" | "Buffer") => Global::Inert,
        "collections" => match name {
            "OrderedDict" | "defaultdict" | "Counter" => Global::Dict,
            "deque" => Global::Sequence,
            _ => return None,
        },
        "builtins" | "__builtin__" => return of_builtins(name),
        "copyreg" | "copy_reg" if name == "_reconstructor" => Global::Reconstructor,
        _ if DICTIONARIES.contains(&(module, name)) => Global::Dict,
        _ if INERT.contains(&(module, name)) => Global::Inert,
        _ => return None,
    };
    Some(global)
}

fn of_torch(name: &str) -> Option<Global> {
    if let Some(kind) = name.strip_suffix("Storage") {
        let element = match kind {
            "Float" => Element::F32,
            "Double" => Element::F64,
            "Half" => Element::F16,
            "BFloat16" => Element::Bf16,
            "Long" => Element::I64,
            "Int" => Element::I32,
            "Short" => Element::I16,
            "Char" => Element::I8,
            "Byte" => Element::U8,
            "Bool" => Element::Bool,
            "ComplexFloat" => Element::C64,
            "ComplexDouble" => Element::C128,
            "Untyped" => return Some(Global::Storage(None)),
            _ => return None,
        };
        return Some(Global::Storage(Some(element)));
    }
    let element = match name {
        "Size" => return Some(Global::Sequence),
        "device" | "Tensor" => return Some(Global::Inert),
        "float32" | "float" => Element::F32,
        "float64" | "double" => Element::F64,
        "float16" | "half" => Element::F16,
        "bfloat16" => Element::Bf16,
        "int64" | "long" => Element::I64,
        "int32" | "int" => Element::I32,
        "int16" | "short" => Element::I16,
        "int8" => Element::I8,
        "uint8" => Element::U8,
        "uint16" => Element::U16,
        "uint32" => Element::U32,
        "uint64" => Element::U64,
        "bool" => Element::Bool,
        "complex64" => Element::C64,
        "complex128" => Element::C128,
        "float8_e4m3fn" | "float8_e5m2" | "float8_e4m3fnuz" | "float8_e5m2fnuz" => Element::F8,
        _ => return None,
    };
    Some(Global::Element(element))
}

fn of_builtins(name: &str) -> Option<Global> {
    match name {
        "set" | "frozenset" | "list" | "tuple" => Some(Global::Sequence),
        "dict" => Some(Global::Dict),
        "int" | "long" | "float" | "bool" | "str" | "unicode" | "bytes" | "bytearray"
        | "complex" | "slice" | "range" | "xrange" | "object" => Some(Global::Inert),
        _ => None,
    }
}

/// Dictionaries by another name, whose items follow the call.
const DICTIONARIES: [(&str, &str); 5] = [
    ("pytorch_lightning.utilities.parsing", "AttributeDict"),
    ("lightning.pytorch.utilities.parsing", "AttributeDict"),
    ("lightning_fabric.utilities.data", "AttributeDict"),
    ("easydict", "EasyDict"),
    ("addict.addict", "Dict"),
];

/// What training scripts keep beside the weights.
const INERT: [(&str, &str); 36] = [
    ("argparse", "Namespace"),
    ("types", "SimpleNamespace"),
    ("_codecs", "encode"),
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("uuid", "UUID"),
    ("pathlib", "Path"),
    ("pathlib", "PosixPath"),
    ("pathlib", "PurePosixPath"),
    ("pathlib", "PureWindowsPath"),
    ("pathlib", "WindowsPath"),
    ("pathlib._local", "PosixPath"),
    ("pathlib._local", "WindowsPath"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("torch.serialization", "_get_layout"),
    ("torch.torch_version", "TorchVersion"),
    ("omegaconf.base", "ContainerMetadata"),
    ("omegaconf.base", "Metadata"),
    ("omegaconf.dictconfig", "DictConfig"),
    ("omegaconf.listconfig", "ListConfig"),
    ("omegaconf.nodes", "AnyNode"),
    ("typing", "Any"),
    ("mmengine.logging.history_buffer", "HistoryBuffer"),
    ("mmengine.config.config", "ConfigDict"),
    ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
];

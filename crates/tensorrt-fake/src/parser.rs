//! `IParser` and `IParserError`.

use std::ffi::{CString, c_int, c_void};
use std::sync::{Mutex, OnceLock, PoisonError};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::{Bool, Text};
use tensorrt::abi::enums::ParserErrorCode;

use crate::callback::{Log, bytes, read};
use crate::network::Network;
use crate::object::{Class, argument, create, delete, state};
use crate::onnx::{self, Graph};
use crate::settings::{self, slots};
use crate::table::{Table, Vtable};

/// `IParser`, which is its own implementation.
pub(crate) struct Parser {
    log: Log,
    network: usize,
    itself: OnceLock<usize>,
    errors: Mutex<Vec<usize>>,
}

/// Makes a parser for a network, as the factory does.
pub(crate) fn create_parser(network: Ptr, log: Log) -> Ptr {
    argument::<Network>(network);
    let network_address = network.expose_provenance();
    let parser =
        Parser { log, network: network_address, itself: OnceLock::new(), errors: Mutex::default() };
    let pointer = create(parser, Some(network));
    let _ = state::<Parser>(pointer).itself.set(pointer.expose_provenance());
    pointer
}

impl Class for Parser {
    const NAME: &'static str = "IParser";
    const OWN: bool = true;

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().parser, Vtable::new(Parser::NAME));
            table.set(rows.parse, parse);
            table.set(rows.parse_from_file, parse_from_file);
            table.set(rows.supports_operator, supports_operator);
            table.set(rows.get_nb_errors, nb_errors);
            table.set(rows.get_error, error);
            table.set(rows.delete, delete);
            table.finish()
        })
    }
}

/// Operators that the fake refuses: what a real parser would not know either.
fn supported(operator: &str, domain: &str) -> bool {
    !operator.starts_with("Unsupported") && matches!(domain, "" | "ai.onnx")
}

impl Parser {
    fn fail(&self, error: ParserError) {
        let name = error.code.name().unwrap_or("?");
        self.log.error(&format!("parser: {name}: {}", error.desc.to_string_lossy()));
        let parser = self.itself.get().copied().map(std::ptr::with_exposed_provenance_mut);
        let pointer = create(error, parser).expose_provenance();
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).push(pointer);
    }

    fn read(&self, model: &[u8]) -> bool {
        if settings::fault("crash-parse") {
            crate::faults::crash();
        }
        let Ok(graph) = onnx::parse(model) else {
            let code = ParserErrorCode::MODEL_DESERIALIZE_FAILED;
            self.fail(ParserError::new(code, "Failed to parse the ONNX model."));
            return false;
        };
        let before = self.errors.lock().unwrap_or_else(PoisonError::into_inner).len();
        for error in problems(&graph) {
            self.fail(error);
        }
        let ok = self.errors.lock().unwrap_or_else(PoisonError::into_inner).len() == before;
        if ok {
            let network: Ptr = std::ptr::with_exposed_provenance_mut(self.network);
            self.log.verbose(&format!("parser: {} nodes", graph.nodes.len()));
            argument::<Network>(network).fill(network, graph);
        }
        ok
    }
}

/// Every node that cannot be had: an operator that is not known, or an input that nothing makes.
fn problems(graph: &Graph) -> Vec<ParserError> {
    let mut made: std::collections::BTreeSet<&str> =
        graph.inputs.iter().map(|value| value.name.as_str()).collect();
    made.extend(graph.weights.keys().map(String::as_str));
    made.insert(""); // an optional input that is left out
    let mut errors = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let missing = node.inputs.iter().find(|input| !made.contains(input.as_str()));
        if !supported(&node.operator, &node.domain) {
            let text = format!("No importer registered for op: {}.", node.operator);
            let error = ParserError::new(ParserErrorCode::UNSUPPORTED_NODE, &text);
            errors.push(error.at(index, node));
        } else if let Some(missing) = missing {
            let text = format!("Node input {missing} is made by no node, input or weight.");
            errors.push(ParserError::new(ParserErrorCode::INVALID_GRAPH, &text).at(index, node));
        }
        made.extend(node.outputs.iter().map(String::as_str));
    }
    errors
}

extern "C" fn parse(this: Ptr, model: *const c_void, size: usize, _path: Text) -> Bool {
    state::<Parser>(this).read(bytes(model, size)).into()
}

extern "C" fn parse_from_file(this: Ptr, file: Text, _verbosity: i32) -> Bool {
    let parser = state::<Parser>(this);
    let path = read(file).unwrap_or_default();
    match std::fs::read(&path) {
        Ok(model) => parser.read(&model).into(),
        Err(error) => {
            let text = format!("Failed to open file: {path}: {error}");
            let code = ParserErrorCode::MODEL_DESERIALIZE_FAILED;
            parser.fail(ParserError::new(code, &text));
            false.into()
        }
    }
}

extern "C" fn supports_operator(this: Ptr, name: Text) -> Bool {
    state::<Parser>(this);
    read(name).is_some_and(|name| supported(&name, "")).into()
}

extern "C" fn nb_errors(this: Ptr) -> i32 {
    state::<Parser>(this).errors.lock().unwrap_or_else(PoisonError::into_inner).len() as i32
}

extern "C" fn error(this: Ptr, index: i32) -> Ptr {
    let parser = state::<Parser>(this);
    let errors = parser.errors.lock().unwrap_or_else(PoisonError::into_inner);
    let found = usize::try_from(index).ok().and_then(|index| errors.get(index));
    found.map_or(std::ptr::null_mut(), |error| std::ptr::with_exposed_provenance_mut(*error))
}

/// `IParserError`, which the parser owns.
struct ParserError {
    code: ParserErrorCode,
    desc: CString,
    node: i32,
    node_name: CString,
    operator: CString,
}

impl ParserError {
    fn new(code: ParserErrorCode, desc: &str) -> Self {
        let desc = CString::new(desc.replace('\0', " ")).unwrap_or_default();
        let (node_name, operator) = (CString::default(), CString::default());
        Self { code, desc, node: -1, node_name, operator }
    }

    fn at(mut self, index: usize, node: &onnx::Node) -> Self {
        let text = |text: &str| CString::new(text.replace('\0', " ")).unwrap_or_default();
        (self.node, self.node_name, self.operator) =
            (index as i32, text(&node.name), text(&node.operator));
        self
    }
}

impl Class for ParserError {
    const NAME: &'static str = "IParserError";
    const OWN: bool = true;
    const OWNED: bool = true;

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().parser_error, Vtable::new(ParserError::NAME));
            table.set(rows.code, code);
            table.set(rows.desc, desc);
            table.set(rows.file, file);
            table.set(rows.line, line);
            table.set(rows.func, func);
            table.set(rows.node, node);
            table.set(rows.node_name, node_name);
            table.set(rows.node_operator, node_operator);
            table.finish()
        })
    }
}

extern "C" fn code(this: Ptr) -> c_int {
    state::<ParserError>(this).code.0
}

extern "C" fn desc(this: Ptr) -> Text {
    state::<ParserError>(this).desc.as_ptr()
}

extern "C" fn file(this: Ptr) -> Text {
    state::<ParserError>(this);
    c"fake.rs".as_ptr()
}

extern "C" fn line(this: Ptr) -> i32 {
    state::<ParserError>(this);
    1
}

extern "C" fn func(this: Ptr) -> Text {
    state::<ParserError>(this);
    c"parse".as_ptr()
}

extern "C" fn node(this: Ptr) -> i32 {
    state::<ParserError>(this).node
}

extern "C" fn node_name(this: Ptr) -> Text {
    state::<ParserError>(this).node_name.as_ptr()
}

extern "C" fn node_operator(this: Ptr) -> Text {
    state::<ParserError>(this).operator.as_ptr()
}

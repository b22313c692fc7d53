//! The safe interface against the fake library.

use tensorrt::{Builder, Library, OnnxParser, Typing};

#[test]
fn a_model_becomes_a_plan() {
    let model = include_bytes!("../../../pipelines/models/tiny.onnx");
    let library = Library::load(&tensorrt_fake::library_path().unwrap()).unwrap();
    assert_eq!(library.note().as_deref(), Some("fake library, for tests"));
    let builder = Builder::new(&library).unwrap();
    let mut network = builder.create_network(Typing::Strong).unwrap();
    let mut config = builder.create_config().unwrap();
    OnnxParser::new(&mut network).unwrap().parse(model, None).unwrap();
    let plan = builder.build_serialized_network(&mut network, &mut config).unwrap();
    let plan = tensorrt_fake::Plan::parse(&plan).unwrap();
    assert_eq!(plan.layers[0].name, "conv1 + relu1");
}

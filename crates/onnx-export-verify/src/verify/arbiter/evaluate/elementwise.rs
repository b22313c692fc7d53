//! Operators that work on each element by itself, with broadcasting.

use backend::onnx::proto::DataType;
use half::f16;

use super::Answer;
use super::call::Call;
use super::tensor::{Kind, Tensor, broadcast, count, spread, zip};

/// Evaluates an operator of this family; `None` when it is of another one.
pub(super) fn evaluate(call: &Call<'_>) -> Option<Answer<Vec<Tensor>>> {
    let one = unary(call)
        .or_else(|| binary(call))
        .or_else(|| variadic(call))
        .or_else(|| special(call))?;
    Some(one.map(|tensor| vec![tensor]))
}

fn unary(call: &Call<'_>) -> Option<Answer<Tensor>> {
    let f = function(call)?;
    let kind = match call.op() {
        "Not" | "IsNaN" | "IsInf" => Some(Kind::Boolean),
        _ => None,
    };
    Some(call.input(0).map(|input| {
        let mut output = input.map(f);
        output.kind = kind.unwrap_or(input.kind);
        output
    }))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    // ln(1 + e^x) without overflow
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

type Function = Box<dyn Fn(f64) -> f64>;
type Pair = Box<dyn Fn(f64, f64) -> f64>;

fn function(call: &Call<'_>) -> Option<Function> {
    plain(call.op()).map(|f| Box::new(f) as Function).or_else(|| with_attributes(call))
}

fn plain(op: &str) -> Option<fn(f64) -> f64> {
    Some(match op {
        "Identity" => |x| x,
        // NaN stays NaN
        "Relu" => |x| if x < 0.0 { 0.0 } else { x },
        "Sigmoid" => sigmoid,
        "Tanh" => f64::tanh,
        "Softplus" => softplus,
        "Softsign" => |x| x / (1.0 + x.abs()),
        "Mish" => |x| x * softplus(x).tanh(),
        "HardSwish" => |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        "Exp" => f64::exp,
        "Log" => f64::ln,
        "Sqrt" => f64::sqrt,
        "Reciprocal" => f64::recip,
        "Neg" => |x| -x,
        "Abs" => f64::abs,
        "Floor" => f64::floor,
        "Ceil" => f64::ceil,
        "Round" => f64::round_ties_even,
        "Sign" => |x| if x == 0.0 || x.is_nan() { x } else { x.signum() },
        "Erf" => libm::erf,
        "Sin" => f64::sin,
        "Cos" => f64::cos,
        "Not" => |x| f64::from(u8::from(x == 0.0)),
        "IsNaN" => |x| f64::from(u8::from(x.is_nan())),
        _ => return None,
    })
}

fn with_attributes(call: &Call<'_>) -> Option<Function> {
    let alpha = |default: f64| call.float("alpha", default);
    Some(match call.op() {
        "LeakyRelu" => {
            let alpha = alpha(0.01);
            Box::new(move |x| if x < 0.0 { alpha * x } else { x })
        }
        "Elu" => {
            let alpha = alpha(1.0);
            Box::new(move |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
        }
        "Celu" => {
            let alpha = alpha(1.0);
            Box::new(move |x| x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0))
        }
        "Selu" => {
            let alpha = alpha(1.673_263_192_176_818_8);
            let gamma = call.float("gamma", 1.050_700_902_938_842_8);
            Box::new(move |x| gamma * if x < 0.0 { alpha * x.exp_m1() } else { x })
        }
        "ThresholdedRelu" => {
            let alpha = alpha(1.0);
            Box::new(move |x| if x <= alpha { 0.0 } else { x })
        }
        "HardSigmoid" => {
            let (alpha, beta) = (alpha(0.2), call.float("beta", 0.5));
            Box::new(move |x| (alpha * x + beta).clamp(0.0, 1.0))
        }
        "Swish" => {
            let alpha = alpha(1.0);
            Box::new(move |x| x * sigmoid(alpha * x))
        }
        "Gelu" if call.text("approximate", "none") == "none" => {
            Box::new(|x| 0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)))
        }
        "Gelu" => Box::new(|x| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }),
        _ => return None,
    })
}

/// The remainder with the sign of the divisor.
fn modulo(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

#[expect(clippy::float_cmp, reason = "what `Equal` asks")]
fn binary(call: &Call<'_>) -> Option<Answer<Tensor>> {
    let truth = |f: fn(f64, f64) -> bool| -> (Pair, Option<Kind>) {
        (Box::new(move |a, b| f64::from(u8::from(f(a, b)))), Some(Kind::Boolean))
    };
    let number = |f: fn(f64, f64) -> f64| -> (Pair, Option<Kind>) { (Box::new(f), None) };
    let whole = call.optional(0).is_some_and(|a| a.kind == Kind::Integer);
    let (f, kind) = match call.op() {
        "Add" => number(|a, b| a + b),
        "Sub" => number(|a, b| a - b),
        "Mul" => number(|a, b| a * b),
        "Div" if whole => number(|a, b| (a / b).trunc()),
        "Div" => number(|a, b| a / b),
        "Pow" if whole => number(|a, b| a.powf(b).trunc()),
        "Pow" => number(f64::powf),
        "PRelu" => number(|x, slope| if x < 0.0 { slope * x } else { x }),
        "Mod" if call.int("fmod", 0) == 1 => number(|a, b| a % b),
        "Mod" => number(modulo),
        "Equal" => truth(|a, b| a == b),
        "Less" => truth(|a, b| a < b),
        "LessOrEqual" => truth(|a, b| a <= b),
        "Greater" => truth(|a, b| a > b),
        "GreaterOrEqual" => truth(|a, b| a >= b),
        "And" => truth(|a, b| a != 0.0 && b != 0.0),
        "Or" => truth(|a, b| a != 0.0 || b != 0.0),
        "Xor" => truth(|a, b| (a != 0.0) != (b != 0.0)),
        _ => return None,
    };
    Some((|| {
        let (a, b) = (call.input(0)?, call.input(1)?);
        let b = &aligned(call, a, b)?;
        zip(a, b, kind.unwrap_or(a.kind), f)
    })())
}

/// Before operator set 7 the second input was aligned to the first by the attributes `broadcast` and `axis`.
fn aligned(call: &Call<'_>, a: &Tensor, b: &Tensor) -> Answer<Tensor> {
    if call.opset >= 7 || call.op() == "PRelu" || a.dims == b.dims {
        return Ok(b.clone());
    }
    if call.int("broadcast", 0) == 0 {
        return call.refuse("unlike shapes and no broadcast");
    }
    let rank = a.dims.len();
    let suffix = rank.saturating_sub(b.dims.len()) as i64;
    let axis = call.int("axis", suffix);
    let axis = if b.dims.is_empty() { 0 } else { call.axis(axis, rank)? };
    let mut dims = b.dims.clone();
    let behind = rank.checked_sub(axis + dims.len());
    let behind = behind.ok_or_else(|| "the second input has too many dimensions".to_owned())?;
    dims.extend(std::iter::repeat_n(1, behind));
    b.reshaped(&dims)
}

fn variadic(call: &Call<'_>) -> Option<Answer<Tensor>> {
    let f: fn(f64, f64) -> f64 = match call.op() {
        "Sum" | "Mean" => |a, b| a + b,
        "Max" => |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) },
        "Min" => |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) },
        _ => return None,
    };
    Some((|| {
        let all = call.all()?;
        let mut result = call.input(0)?.clone();
        for other in &all[1..] {
            result = zip(&result, other, result.kind, f)?;
        }
        let n = if call.op() == "Mean" { all.len() as f64 } else { 1.0 };
        Ok(result.map(|v| v / n))
    })())
}

fn special(call: &Call<'_>) -> Option<Answer<Tensor>> {
    match call.op() {
        "Clip" => Some(clip(call)),
        "Where" => Some(choose(call)),
        "Cast" => Some(cast(call)),
        "Dropout" => Some(dropout(call)),
        _ => None,
    }
}

fn clip(call: &Call<'_>) -> Answer<Tensor> {
    let limit = |index: usize, name: &str, default: f64| match call.optional(index) {
        Some(limit) => limit.values.first().copied().unwrap_or(default),
        None => call.float(name, default),
    };
    let low = limit(1, "min", f64::NEG_INFINITY);
    let high = limit(2, "max", f64::INFINITY);
    // where they cross, the upper limit wins
    let within = |x: f64| if x.is_nan() { x } else { x.max(low).min(high) };
    Ok(call.input(0)?.map(within))
}

fn choose(call: &Call<'_>) -> Answer<Tensor> {
    let (condition, yes, no) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let dims = broadcast(&[&condition.dims, &yes.dims, &no.dims])?;
    count(&dims)?;
    let [c, y, n] = [condition, yes, no].map(|t| spread(&t.dims, &dims));
    let values = (0..c.len())
        .map(|k| if condition.values[c[k]] == 0.0 { no.values[n[k]] } else { yes.values[y[k]] });
    Ok(Tensor { values: values.collect(), dims, kind: yes.kind })
}

fn cast(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let to = i32::try_from(call.int("to", 0)).ok().and_then(|code| DataType::try_from(code).ok());
    let (kind, f): (Kind, fn(f64) -> f64) = match to {
        Some(DataType::Double) => (Kind::Float, |x| x),
        Some(DataType::Float) => (Kind::Float, |x| f64::from(x as f32)),
        Some(DataType::Float16) => (Kind::Float, |x| f16::from_f64(x).to_f64()),
        Some(DataType::Int64 | DataType::Int32) => (Kind::Integer, f64::trunc),
        Some(DataType::Bool) => (Kind::Boolean, |x| f64::from(u8::from(x != 0.0))),
        _ => return call.refuse("this element type"),
    };
    Ok(Tensor { kind, ..input.map(f) })
}

fn dropout(call: &Call<'_>) -> Answer<Tensor> {
    let trains = call.optional(2).is_some_and(|t| t.values.first().is_some_and(|&v| v != 0.0));
    // before operator set 7 an attribute said so
    if trains || call.opset < 7 && call.int("is_test", 0) == 0 {
        return call.refuse("training");
    }
    Ok(call.input(0)?.clone())
}

//! Which tensors of a checkpoint an architecture needs, under which common prefix, and what does not fit.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::architecture::Architecture;
use crate::checkpoint::{Checkpoint, Entry};
use crate::weights::OwnedParameter;

/// How a checkpoint and an architecture go together.
#[derive(Debug)]
pub(super) struct Fit {
    /// What stands before the names of the architecture: the keys of dictionaries around them (`state_dict.`)
    /// and what a wrapper of the model added (`module.`).
    pub(super) prefix: String,
    /// Other prefixes under which all tensors are there too.
    pub(super) also: Vec<String>,
    /// Number of classes.
    pub(super) classes: usize,
    missing: Vec<String>,
    unexpected: Vec<String>,
    wrong: Vec<String>,
    /// Floating-point tensors elsewhere in the file.
    pub(super) others: usize,
}

impl Fit {
    /// Whether every tensor is there and none is too many.
    pub(super) fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.wrong.is_empty()
    }

    /// Whether no tensor at all has a name of the architecture.
    pub(super) fn is_strange(&self, parameters: usize) -> bool {
        self.missing.len() == parameters
    }

    /// Everything that does not fit.
    pub(super) fn differences(&self) -> String {
        let mut text = String::new();
        let lists = [
            ("missing", self.missing.len(), gathered(&self.missing)),
            ("unexpected", self.unexpected.len(), gathered(&self.unexpected)),
            ("wrong", self.wrong.len(), self.wrong.clone()),
        ];
        for (what, count, list) in lists.iter().filter(|(_, count, _)| *count > 0) {
            // writing to a String cannot fail
            let _ = write!(text, "\n  {what} ({count}): {}", list.join(", "));
        }
        text
    }
}

/// The same names, those of one module together: `bn1.{weight, bias}`.
fn gathered(names: &[String]) -> Vec<String> {
    let split = |name: &String| {
        let at = name.rfind('.').map_or(0, |at| at + 1);
        (name[..at].to_owned(), name[at..].to_owned())
    };
    let mut modules: Vec<(String, Vec<String>)> = Vec::new();
    for (module, name) in names.iter().map(split) {
        match modules.last_mut() {
            Some((last, members)) if *last == module && !module.is_empty() => members.push(name),
            _ => modules.push((module, vec![name])),
        }
    }
    let text = |(module, members): (String, Vec<String>)| match members.as_slice() {
        [one] => format!("{module}{one}"),
        many => format!("{module}{{{}}}", many.join(", ")),
    };
    modules.into_iter().map(text).collect()
}

/// Compares a checkpoint, or the part of it that `under` names, with an architecture.
pub(super) fn fit(checkpoint: &Checkpoint, architecture: Architecture, under: Option<&str>) -> Fit {
    let default = architecture.classes();
    let parameters = architecture.parameters(default);
    let (prefix, also) = prefixes(checkpoint, &parameters, under);
    let found = |name: &str| checkpoint.entry(&format!("{prefix}{name}"));
    let classes = classes(architecture, &parameters, &found).unwrap_or(default);
    let parameters = if classes == default { parameters } else { architecture.parameters(classes) };
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for OwnedParameter { name, shape, .. } in &parameters {
        match found(name) {
            None => missing.push(name.clone()),
            Some(entry) if !entry.element.is_float() => {
                wrong.push(format!("{name} holds {}, not floating-point numbers", entry.element));
            }
            Some(entry) if entry.shape != *shape => {
                wrong.push(format!("{name} is {:?} instead of {shape:?}", entry.shape));
            }
            Some(_) => {}
        }
    }
    let names: HashSet<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
    let home = parameters.iter().find_map(|p| found(&p.name)).map_or("", Entry::home);
    // without a prefix, those under `ema.` are all below it
    let is_other_set =
        |entry: &Entry| also.iter().any(|other| !other.is_empty() && entry.name.starts_with(other));
    let (mut unexpected, mut others) = (Vec::new(), 0);
    // integers, such as `num_batches_tracked`, are no weights
    for entry in checkpoint.entries().filter(|entry| entry.element.is_float()) {
        let inside = entry.home() == home || home.len() > prefix.len();
        match entry.name.strip_prefix(&prefix).filter(|_| inside) {
            Some(rest) if names.contains(rest) => {}
            Some(_) if is_other_set(entry) => others += 1,
            Some(rest) => unexpected.push(rest.to_owned()),
            None => others += 1,
        }
    }
    Fit { prefix, also, classes, missing, unexpected, wrong, others }
}

/// The prefix under which most parameters are, and others under which as many are.
fn prefixes(
    checkpoint: &Checkpoint,
    parameters: &[OwnedParameter],
    under: Option<&str>,
) -> (String, Vec<String>) {
    let ranks: HashMap<&str, usize> =
        parameters.iter().map(|p| (p.name.as_str(), p.shape.len())).collect();
    let deepest = parameters.iter().map(|p| p.name.matches('.').count()).max().unwrap_or(0);
    // matches and place of the first
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for (place, entry) in checkpoint.entries().enumerate() {
        let starts = entry.name.rmatch_indices('.').map(|(at, _)| at + 1).chain([0]);
        // a name has few dots, however long what stands before it is
        for start in starts.take(deepest + 1) {
            let (prefix, rest) = entry.name.split_at(start);
            if ranks.get(rest) == Some(&entry.shape.len()) {
                counts.entry(prefix).or_insert((0, place)).0 += 1;
            }
        }
    }
    let is_average =
        |prefix: &str| prefix.split(['.', '_']).any(|part| part.eq_ignore_ascii_case("ema"));
    let is_meant = |prefix: &str| {
        let inside = |under| prefix.strip_prefix(under).is_some_and(|rest| rest.starts_with('.'));
        under.is_none_or(inside)
    };
    let mut ranked: Vec<(&str, usize, usize)> =
        counts.into_iter().map(|(prefix, (count, place))| (prefix, count, place)).collect();
    ranked.retain(|(prefix, ..)| is_meant(prefix));
    // most matches; the weights themselves before their moving average; the first in the file
    ranked.sort_by_key(|&(prefix, count, place)| {
        (std::cmp::Reverse(count), is_average(prefix), place, prefix.len())
    });
    let Some(&(prefix, most, _)) = ranked.first() else {
        return (under.map(|under| format!("{under}.")).unwrap_or_default(), Vec::new());
    };
    let also = ranked[1..].iter().filter(|(_, count, _)| *count == most);
    (prefix.to_owned(), also.map(|(prefix, ..)| (*prefix).to_owned()).collect())
}

/// The number of classes by the tensors whose shape depends on it.
fn classes<'a>(
    architecture: Architecture,
    parameters: &[OwnedParameter],
    found: &dyn Fn(&str) -> Option<&'a Entry>,
) -> Option<usize> {
    let more = architecture.parameters(architecture.classes() + 1);
    let differs = |(one, other): (&OwnedParameter, &OwnedParameter)| {
        let axis = one.shape.iter().zip(&other.shape).position(|(a, b)| a != b)?;
        let shape = &found(&one.name)?.shape;
        (shape.len() == one.shape.len()).then(|| shape[axis]).filter(|&classes| classes > 0)
    };
    parameters.iter().zip(&more).find_map(differs)
}

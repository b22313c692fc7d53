//! The pipeline file: parsed once, one table handed to each stage, errors that show file and line.
//!
//! A stage reads `[pipeline]` and its own table and never sees the others. Unknown keys and values
//! are errors with a "did you mean". `--set table.key=value` changes one value before parsing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::STAGES;
use crate::digest::Digest;
use crate::fault::Fault;

/// A pipeline file with its `--set` overrides applied.
#[derive(Clone, Debug)]
pub struct PipelineFile {
    path: PathBuf,
    text: String,
    changed: bool,
}

/// The `[pipeline]` table, which every stage reads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Header {
    /// Names the run folder; letters, digits, `-`, `_` and `.`.
    pub name: Name,
    /// Seeds every random choice of the chain: weights, inputs, order of cases.
    #[serde(default = "default_seed")]
    pub seed: u32,
}

fn default_seed() -> u32 {
    1
}

impl PipelineFile {
    /// Reads `path` and applies overrides of the form `table.key=value`.
    ///
    /// # Errors
    /// A missing or malformed file, an unknown table, or an override that is not `table.key=value`.
    pub fn load(path: &Path, overrides: &[String]) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Fault::config(format!("cannot read the pipeline file {}", path.display()))
                .hint("give a TOML file, for example pipelines/resnet50.toml")
                .because(error)
        })?;
        let text = apply_overrides(path, text, overrides)?;
        let file = Self { path: path.to_owned(), text, changed: !overrides.is_empty() };
        file.check_tables()?;
        Ok(file)
    }

    /// The text with all overrides applied.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the file was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The digest of the text with all overrides applied.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(self.text.as_bytes())
    }

    /// The `[pipeline]` table.
    pub fn header(&self) -> anyhow::Result<Header> {
        self.section("pipeline")
    }

    /// Whether the file has a table of this name.
    pub fn has(&self, table: &str) -> anyhow::Result<bool> {
        Ok(self.parse()?.get_ref().contains_key(table))
    }

    /// The table of one stage; a missing table reads as an empty one, so that defaults apply.
    ///
    /// # Errors
    /// Unknown keys (with a suggestion), wrong types and impossible values, with file and line.
    pub fn section<T: DeserializeOwned>(&self, table: &str) -> anyhow::Result<T> {
        let document = self.parse()?;
        let value = document.get_ref().get(table).cloned();
        let value = match value {
            Some(value) => value,
            None => toml::Spanned::new(0..0, DeValue::Table(DeTable::new())),
        };
        T::deserialize(ValueDeserializer::from(value))
            .map_err(|error| self.fault(&error, Some(table)).into())
    }

    /// The text with these tables alone: what is kept of a pipeline by a run that other stages did not make.
    pub fn only(&self, tables: &[&str]) -> anyhow::Result<String> {
        let mut document: toml_edit::DocumentMut = self.text.parse()?;
        let others: Vec<String> = document
            .iter()
            .map(|(name, _)| name.to_owned())
            .filter(|name| !tables.contains(&name.as_str()))
            .collect();
        for name in others {
            document.remove(&name);
        }
        Ok(document.to_string())
    }

    fn parse(&self) -> anyhow::Result<toml::Spanned<DeTable<'_>>> {
        DeTable::parse(&self.text).map_err(|error| self.fault(&error, None).into())
    }

    fn check_tables(&self) -> anyhow::Result<()> {
        let document = self.parse()?;
        let known: Vec<&str> = std::iter::once("pipeline").chain(STAGES).collect();
        for (key, _) in document.get_ref() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let message = format!(
                    "{}: unknown table [{name}]{}",
                    self.at(Some(key.span())),
                    did_you_mean(name, &known)
                );
                return Err(Fault::config(message)
                    .hint(format!("the tables are: {}", known.join(", ")))
                    .into());
            }
        }
        Ok(())
    }

    fn fault(&self, error: &toml::de::Error, table: Option<&str>) -> Fault {
        let message = error.message().trim().replace('\n', " ");
        let within = table.map_or_else(String::new, |table| format!(" in [{table}]"));
        let (word, candidates) = suggestion(&message);
        let guess = word.map_or_else(String::new, |word| did_you_mean(word, &candidates));
        let mut text = format!("{}: {message}{within}{guess}", self.at(error.span()));
        if let Some(line) = error.span().and_then(|span| self.line(span.start)) {
            text.push_str("\n    ");
            text.push_str(line);
        }
        Fault::config(text).hint("every key is explained in pipelines/resnet50.toml")
    }

    fn at(&self, span: Option<std::ops::Range<usize>>) -> String {
        let note = if self.changed { " (with --set applied)" } else { "" };
        match span.filter(|span| span.end > 0) {
            Some(span) => {
                let before = &self.text[..span.start.min(self.text.len())];
                let line = before.matches('\n').count() + 1;
                let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
                format!("{}:{line}:{column}{note}", self.path.display())
            }
            None => format!("{}{note}", self.path.display()),
        }
    }

    fn line(&self, offset: usize) -> Option<&str> {
        let offset = offset.min(self.text.len());
        let start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[start..].lines().next()?.trim_end();
        (!line.trim().is_empty()).then_some(line)
    }
}

fn apply_overrides(path: &Path, text: String, overrides: &[String]) -> anyhow::Result<String> {
    if overrides.is_empty() {
        return Ok(text);
    }
    let mut document: toml_edit::DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| {
            Fault::config(format!("{}: {}", path.display(), error.to_string().trim()))
        })?;
    for entry in overrides {
        let usage = || {
            Fault::config(format!("--set {entry}: expected table.key=value"))
                .hint("for example --set runner.duration=3s")
        };
        let (key, value) = entry.split_once('=').ok_or_else(usage)?;
        let (table, key) = key.trim().split_once('.').ok_or_else(usage)?;
        if table.is_empty() || key.is_empty() {
            return Err(usage().into());
        }
        // what is not TOML by itself is text: `3s` need not be quoted twice for the shell
        let value = value.trim();
        let value: toml_edit::Value = value.parse().unwrap_or_else(|_| value.into());
        let item = document.entry(table).or_insert(toml_edit::Item::Table(toml_edit::Table::new()));
        let table = item
            .as_table_like_mut()
            .with_context(|| Fault::config(format!("--set {entry}: [{table}] is not a table")))?;
        match table.get_mut(key).and_then(toml_edit::Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                *old = value;
                *old.decor_mut() = decor;
            }
            None => {
                table.insert(key, toml_edit::Item::Value(value));
            }
        }
    }
    Ok(document.to_string())
}

/// Reads serde's "unknown field `x`, expected one of `a`, `b`" into the word and its candidates.
fn suggestion(message: &str) -> (Option<&str>, Vec<&str>) {
    if !message.contains("unknown field")
        && !message.contains("unknown variant")
        && !message.starts_with("unknown ")
    {
        return (None, Vec::new());
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    (quoted.next(), quoted.collect())
}

/// `; did you mean "x"?` when one of `candidates` is close to `word`, else nothing.
pub fn did_you_mean(word: &str, candidates: &[&str]) -> String {
    let best = candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(String::new, |(_, candidate)| format!("; did you mean \"{candidate}\"?"))
}

/// A name that is safe as a part of a path and of a `key=value` folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// A text as a name.
    ///
    /// # Errors
    /// What a name may consist of.
    pub fn new(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let fits =
            (1..=64).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with('.');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "\"{text}\" is not a name: use 1 to 64 letters, digits, '-', '_' or '.', not starting with '.'"
            ))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Streams and graph of a mode that is called by its own name: `base`, `cuda-graph`, `streams-N`,
/// `streams-N-graph`; `None` for a name that says neither.
pub fn named_mode(name: &str) -> Option<(u32, bool)> {
    match name {
        "base" => Some((1, false)),
        "cuda-graph" => Some((1, true)),
        _ => {
            let rest = name.strip_prefix("streams-")?;
            let number = rest.strip_suffix("-graph");
            Some((number.unwrap_or(rest).parse().ok()?, number.is_some()))
        }
    }
}

/// A length of time written as `"30s"`, `"500ms"` or `"2m"`: above zero, at most a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// The longest span that a pipeline may name.
    pub const MAX: Duration = Duration::from_hours(24);

    /// A span from a duration; `None` when it is zero or longer than [`Span::MAX`].
    pub fn new(duration: Duration) -> Option<Self> {
        (!duration.is_zero() && duration <= Self::MAX).then_some(Self(duration))
    }

    /// The span as a duration.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = humantime::parse_duration(text.trim()).map_err(|error| {
            format!("\"{text}\" is not a duration ({error}); write for example \"30s\", \"500ms\" or \"2m\"")
        })?;
        Self::new(duration).ok_or_else(|| {
            format!("\"{text}\" is out of range: a duration is above zero and at most 24h")
        })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An integer between `MIN` and `MAX`, checked when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounded<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Bounded<MIN, MAX> {
    /// The value when it is in range.
    pub const fn new(value: u32) -> Option<Self> {
        if MIN <= value && value <= MAX { Some(Self(value)) } else { None }
    }

    /// The value.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Bounded<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = i64::deserialize(deserializer)?;
        u32::try_from(value).ok().and_then(Self::new).ok_or_else(|| {
            D::Error::custom(format!("{value} is out of range: expected {MIN} to {MAX}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Exit, exit_of};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Sample {
        #[serde(default)]
        duration: Option<Span>,
        #[serde(default)]
        rounds: Option<Bounded<1, 1000>>,
    }

    fn load(text: &str, overrides: &[&str]) -> anyhow::Result<(PipelineFile, Sample)> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("p.toml");
        std::fs::write(&path, text)?;
        let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
        let file = PipelineFile::load(&path, &overrides)?;
        let sample = file.section("runner")?;
        Ok((file, sample))
    }

    fn error(text: &str, overrides: &[&str]) -> String {
        let error = load(text, overrides).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Config);
        format!("{error:#}")
    }

    #[test]
    fn unknown_keys_are_named_with_line_and_suggestion() {
        let error = error("[pipeline]\nname = \"x\"\n[runner]\ndurration = \"3s\"\n", &[]);
        assert!(error.contains("p.toml:4:1"), "{error}");
        assert!(error.contains("did you mean \"duration\""), "{error}");
    }

    #[test]
    fn unknown_tables_are_named() {
        let error = error("[runer]\n", &[]);
        assert!(error.contains("did you mean \"runner\""), "{error}");
    }

    #[test]
    fn impossible_values_are_refused() {
        for text in [
            "duration = \"0s\"",
            "duration = \"-1s\"",
            "duration = \"9999h\"",
            "rounds = 0",
            "rounds = -3",
        ] {
            let error = error(&format!("[runner]\n{text}\n"), &[]);
            assert!(error.contains("p.toml:2:"), "{error}");
        }
    }

    #[test]
    fn overrides_replace_and_insert() {
        let (file, sample) = load(
            "[runner]\nduration = \"30s\" # long\n",
            &["runner.duration=3s", "runner.rounds=2", "pipeline.seed=7"],
        )
        .unwrap();
        assert_eq!(sample.duration.unwrap().get(), Duration::from_secs(3));
        assert_eq!(sample.rounds.unwrap().get(), 2);
        assert!(file.text().contains("# long"));
        assert!(error("[runner]\n", &["duration"]).contains("table.key=value"));
    }

    #[test]
    fn tables_of_other_stages_can_be_left_out() {
        let text = "# why\n[pipeline]\nname = \"x\" # here\n[runner]\nrounds = 2\n[analysis]\nmargin = \"2%\"\n";
        let (file, _) = load(text, &[]).unwrap();
        let kept = file.only(&["pipeline", "analysis"]).unwrap();
        assert_eq!(kept, text.replace("[runner]\nrounds = 2\n", ""));
    }

    #[test]
    fn malformed_toml_shows_the_place() {
        let error = error("[runner\n", &[]);
        assert!(error.contains("p.toml:1"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_but_never_panics(text in "\\PC{0,80}") {
            let _ = load(&text, &[]);
        }
    }
}

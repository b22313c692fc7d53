//! What the program is doing.

/// What the program is doing, as far as its log tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was said yet.
    #[default]
    Starting,
    /// Reading the model.
    Parsing,
    /// Building the engine.
    Building,
    /// Reading or opening an engine.
    Loading,
    /// Warming up and measuring, which the log does not tell apart.
    Measuring,
    /// Reporting.
    Reporting,
}

impl Phase {
    /// A word for a progress bar.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Parsing => "parsing",
            Self::Building => "building",
            Self::Loading => "loading",
            Self::Measuring => "measuring",
            Self::Reporting => "reporting",
        }
    }

    /// The phase that begins after a line, when it ends one.
    pub(super) fn after(text: &str) -> Option<Self> {
        let starts = [
            ("Start parsing network model", Self::Parsing),
            ("Finish parsing network model", Self::Building),
            ("Finished parsing network model", Self::Building),
            ("Engine built in ", Self::Loading),
            ("Engine loaded in ", Self::Loading),
            ("Starting inference", Self::Measuring),
            ("Warmup completed ", Self::Reporting),
        ];
        starts.iter().find(|(start, _)| text.starts_with(start)).map(|(_, phase)| *phase)
    }
}

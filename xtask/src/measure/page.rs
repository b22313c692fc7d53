//! A report in a real browser: every figure says its values under pointer and keyboard, axes and modes can be
//! switched, nothing is wider than a phone, and the console stays empty. Screenshots are written to be looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::fault::{Fault, VERIFICATION};
use crate::project::Project;
use crate::ui;

/// Uses the page as a reader would.
const PROBE: &str = include_str!("page_probe.js");
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Arguments of `measure page`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run folders; left out, all that are committed
    #[arg(value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Where screenshots and the printed page go; left out, they are not kept
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// How a page is looked at.
struct View {
    name: &'static str,
    width: u32,
    dark: bool,
}

const VIEWS: [View; 3] = [
    View { name: "light", width: 1280, dark: false },
    View { name: "dark", width: 1280, dark: true },
    View { name: "phone", width: 390, dark: false },
];

/// Looks at reports; exit 3 when one does not work.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let browser = Browser::find()?;
    let runs = if args.runs.is_empty() { project.curated()? } else { args.runs.clone() };
    let mut failed = false;
    for run in &runs {
        let page = run.join("report.html");
        let text = fs::read_to_string(&page).map_err(|why| {
            Fault::config(format!("{} cannot be read: {why}", page.display()))
                .hint("name a run folder that the stage analysis has been through")
        })?;
        let folder = args.out.as_ref().map(|out| out.join(name_of(run)));
        for (view, answer) in browser.look(&text, folder.as_deref())? {
            failed |= !answer.ok;
            let mark = if answer.ok { "✓" } else { "✗" };
            ui::data(&format!("{mark} {} {view}: {}", page.display(), answer.said));
        }
    }
    Ok(if failed { VERIFICATION } else { 0 })
}

fn name_of(run: &Path) -> String {
    let parts = run.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("-")
}

struct Browser {
    program: PathBuf,
    profile: tempfile::TempDir,
}

/// The program of a browser that can be driven.
///
/// # Errors
/// Exit 4 with what to install.
pub(crate) fn find() -> anyhow::Result<PathBuf> {
    let given = std::env::var_os("TAILMARK_BROWSER").filter(|given| !given.is_empty());
    let named = given.map(PathBuf::from).into_iter();
    let mut programs = named.chain(BROWSERS.iter().map(PathBuf::from));
    let works = |program: &PathBuf| {
        Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success())
    };
    Ok(programs.find(works).ok_or_else(|| {
        Fault::environment("there is no browser that can be driven").hint(
            "install chromium (Debian: apt-get install chromium), or name one in TAILMARK_BROWSER",
        )
    })?)
}

/// What a view said.
struct Answer {
    ok: bool,
    said: String,
}

impl Browser {
    fn find() -> anyhow::Result<Self> {
        Ok(Self { program: find()?, profile: tempfile::tempdir()? })
    }

    /// Looks at a page in every view and prints it.
    fn look(&self, page: &str, out: Option<&Path>) -> anyhow::Result<Vec<(&'static str, Answer)>> {
        let folder = self.profile.path().join("pages");
        fs::create_dir_all(&folder)?;
        let (plain, probed) = (folder.join("report.html"), folder.join("probed.html"));
        fs::write(&plain, page)?;
        fs::write(&probed, page.replace("</body>", &format!("<script>{PROBE}</script></body>")))?;
        let mut answers = Vec::new();
        for view in &VIEWS {
            let dom = self.call(view, &["--dump-dom".into()], &probed)?;
            answers.push((view.name, answer(&dom)));
            if let Some(out) = out {
                fs::create_dir_all(out)?;
                let shot = out.join(format!("{}.png", view.name));
                self.call(view, &[format!("--screenshot={}", shot.display())], &plain)?;
            }
        }
        if let Some(out) = out {
            let pdf = format!("--print-to-pdf={}", out.join("print.pdf").display());
            self.call(&VIEWS[0], &[pdf, "--no-pdf-header-footer".into()], &plain)?;
        }
        Ok(answers)
    }

    fn call(&self, view: &View, what: &[String], page: &Path) -> anyhow::Result<Seen> {
        let mut command = Command::new(&self.program);
        command.args(["--headless=new", "--disable-gpu", "--enable-logging=stderr"]);
        command.args(["--virtual-time-budget=4000", "--hide-scrollbars"]);
        command.arg(format!("--user-data-dir={}", self.profile.path().display()));
        // high enough for a whole report
        command.arg(format!("--window-size={},6000", view.width));
        command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!view.dark)));
        if is_root() {
            // the browser refuses its sandbox to the administrator, as in containers
            command.arg("--no-sandbox");
        }
        let url = format!("file://{}", page.display());
        let output = command.args(what).arg(url).output().context("the browser does not start")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        if !output.status.success() {
            let last = stderr.lines().last().unwrap_or_default();
            let message = format!("the browser ended with {}: {last}", output.status);
            return Err(Fault::environment(message).into());
        }
        let console = stderr.lines().filter(|line| line.contains("CONSOLE"));
        Ok(Seen { dom: stdout, console: console.map(str::to_owned).collect() })
    }
}

/// What a browser gave back.
struct Seen {
    dom: String,
    console: Vec<String>,
}

fn answer(seen: &Seen) -> Answer {
    if let Some(line) = seen.console.first() {
        let said = format!("the console says {} lines, the first: {line}", seen.console.len());
        return Answer { ok: false, said };
    }
    let title = seen.dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let said = title.map_or("no title", |(title, _)| title).to_owned();
    Answer { ok: said.starts_with("page ok"), said }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_answers_by_its_title_and_a_silent_console() {
        let seen = |title: &str, console: &[&str]| Seen {
            dom: format!("<html><head><title>{title}</title></head>"),
            console: console.iter().map(|&line| line.to_owned()).collect(),
        };
        assert!(answer(&seen("page ok, 9 figures", &[])).ok);
        assert!(!answer(&seen("page fails: an axis", &[])).ok);
        assert!(!answer(&seen("resnet50: how fast", &[])).ok);
        assert!(!answer(&seen("page ok, 9 figures", &["CONSOLE(3) oh"])).ok);
        assert_eq!(name_of(Path::new("results/curated/a/b")), "a-b");
    }
}

//! The report as one HTML file: nothing is loaded from anywhere, plots are inline SVG.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::model::{Block, Cell, Line, Report, Section, Table, Tone};
use crate::plot::{Figure, Painted, paint};
use ::plot::scene::{Ink, Mark, Scene};

/// The page's own style; colours of plots come from [`paint`].
const STYLE: &str = include_str!("style.css");
/// What the page can do more where scripts run.
const SCRIPT: &str = include_str!("report.js");

/// Writes the report; `painted` are its figures, in order.
pub fn write(report: &Report, painted: &[Painted]) -> String {
    let dark = format!("@media (prefers-color-scheme:dark){{{}}}", paint::dark_css());
    let style =
        format!("{STYLE}{}{}@media screen{{{dark}}}", paint::light_css(), paint::without_css());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (report.title) }
                style { (PreEscaped(style)) }
            }
            body {
                header {
                    h1 { (report.title) }
                    p.subtitle { (report.subtitle) }
                }
                main {
                    section.answer aria-label="The answer" {
                        ul { @for line in &report.answer { (answer(line)) } }
                    }
                    nav aria-label="Sections" {
                        @for section in &report.sections {
                            a href={ "#" (section.id) } { (section.title) }
                        }
                    }
                    @for section in &report.sections { (write_section(section, report, painted)) }
                }
                footer { p { (inline(&report.footer)) } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn answer(line: &Line) -> Markup {
    html! { li class=(tone(line.tone)) { (inline(&line.text)) } }
}

fn write_section(section: &Section, report: &Report, painted: &[Painted]) -> Markup {
    html! {
        section id=(section.id) {
            h2 { (section.title) }
            @for block in &section.blocks { (write_block(block, report, painted)) }
        }
    }
}

fn write_block(block: &Block, report: &Report, painted: &[Painted]) -> Markup {
    match block {
        Block::Text(words) => html! { p { (inline(words)) } },
        Block::Table(table) => write_table(table),
        Block::Figures { indices, small } => {
            let figures = indices
                .iter()
                .filter_map(|&index| report.figures.get(index).zip(painted.get(index)));
            html! {
                div class=(if *small { "figures small" } else { "figures" }) {
                    @for (figure, painted) in figures {
                        (write_figure(figure, painted))
                    }
                }
            }
        }
        Block::List(points) => html! { ul { @for point in points { li { (inline(point)) } } } },
        Block::Code(code) => html! { pre { code { (code) } } },
        Block::Terms(terms) => html! {
            dl { @for (term, meaning) in terms { dt { (term) } dd { (inline(meaning)) } } }
        },
    }
}

/// A figure, and for scripts its other axis and what its points say.
fn write_figure(figure: &Figure, painted: &Painted) -> Markup {
    let other = figure.alternative.as_ref().zip(painted.alternative.as_ref());
    let by_mode = figure.scene.marks.iter().any(|mark| mark.mode.is_some());
    html! {
        figure data-mode=[figure.mode] class=[by_mode.then_some("by-mode")] {
            div.scroll tabindex="0" { (PreEscaped(&painted.inline)) }
            @if !figure.caption.is_empty() { figcaption { (inline(&figure.caption)) } }
            (write_marks(&figure.scene, "marks"))
            @if let Some((alternative, svg)) = other {
                template data-label=(alternative.label) { (PreEscaped(svg)) }
                (write_marks(&alternative.scene, "marks other"))
            }
        }
    }
}

/// `[x, y, mode, text]` of each mark, in units of the drawing.
fn write_marks(scene: &Scene, class: &str) -> Markup {
    let one = |mark: &Mark| {
        let px = |value: f64| (value * paint::SCALE).round() as i64;
        serde_json::json!([px(mark.at.0), px(mark.at.1), mark.mode, mark.text])
    };
    let all = serde_json::Value::from(scene.marks.iter().map(one).collect::<Vec<_>>());
    // names come from files: no text may end the element
    let text = all.to_string().replace('<', "\\u003c");
    html! {
        @if !scene.marks.is_empty() {
            script type="application/json" class=(class) { (PreEscaped(text)) }
        }
    }
}

fn write_table(table: &Table) -> Markup {
    let class = |numeric: bool| numeric.then_some("number");
    html! {
        div.scroll tabindex="0" {
            table {
                caption { (inline(&table.caption)) }
                thead { tr {
                    @for column in &table.columns {
                        th scope="col" class=[class(column.numeric)] { (column.title) }
                    }
                } }
                tbody {
                    @for row in &table.rows {
                        tr { @if let Some(last) = merged(row) {
                            th scope="row" { (write_cell(&row[0])) }
                            td colspan=(row.len() - 1) { (write_cell(last)) }
                        } @else {
                            @for (k, (cell, column)) in row.iter().zip(&table.columns).enumerate() {
                                @if k == 0 {
                                    th scope="row" class=[class(column.numeric)] { (write_cell(cell)) }
                                } @else {
                                    td class=[class(column.numeric)] { (write_cell(cell)) }
                                }
                            }
                        } }
                    }
                }
            }
        }
    }
}

/// The last cell of a row whose cells between first and last are empty: it gets their place.
fn merged(row: &[Cell]) -> Option<&Cell> {
    let (_, rest) = row.split_first()?;
    let (last, between) = rest.split_last()?;
    let empty = !between.is_empty() && between.iter().all(|cell| *cell == Cell::none());
    (empty && !last.detail.is_empty()).then_some(last)
}

fn write_cell(cell: &Cell) -> Markup {
    html! {
        @if let Some(place) = cell.mode {
            span class={ "mode " (paint::class_of(Ink::Series(place))) } data-mode=(place) { (inline(&cell.text)) }
        } @else if !cell.text.is_empty() {
            span.value { (inline(&cell.text)) }
        }
        @if let Some((word, its)) = &cell.tag {
            " " span class={ "tag " (tone(*its)) } { (word) }
        }
        @if !cell.detail.is_empty() { " " span.detail { (inline(&cell.detail)) } }
    }
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    }
}

/// Text whose parts between backticks are code.
fn inline(text: &str) -> Markup {
    html! {
        @for (k, part) in text.split('`').enumerate() {
            @if k % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_points_say_cannot_end_the_script() {
        let mut scene = Scene::new(10.0, 10.0);
        scene.mark((1.0, 2.5), 3, "</script><b>");
        let text = write_marks(&scene, "marks").into_string();
        assert_eq!(
            text,
            r#"<script type="application/json" class="marks">[[2,5,3,"\u003c/script>\u003cb>"]]</script>"#
        );
        assert_eq!(write_marks(&Scene::new(1.0, 1.0), "marks").into_string(), "");
    }

    #[test]
    fn text_is_escaped_and_code_marked() {
        assert_eq!(inline("a < `b & c` d").into_string(), "a &lt; <code>b &amp; c</code> d");
    }
}

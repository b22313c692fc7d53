//! The report as Markdown: the same tables, and the plots as PNG files.

use super::model::{Block, Cell, Line, Report, Table, Tone};

/// Writes the report.
pub fn write(report: &Report) -> String {
    let mut parts = vec![format!("# {}\n\n{}\n", report.title, report.subtitle)];
    parts.push(report.answer.iter().map(write_line).collect());
    for section in &report.sections {
        parts.push(format!("## {}\n", section.title));
        parts.extend(section.blocks.iter().map(|block| write_block(block, report)));
    }
    parts.push(format!("---\n\n{}\n", report.footer));
    parts.join("\n")
}

fn write_line(line: &Line) -> String {
    let mark = match line.tone {
        Tone::Plain | Tone::Good => "",
        Tone::Warn => "⚠ ",
        Tone::Bad => "✗ ",
    };
    point(&format!("{mark}{}", line.text))
}

fn point(text: &str) -> String {
    format!("- {text}\n")
}

fn write_block(block: &Block, report: &Report) -> String {
    match block {
        Block::Text(words) => format!("{words}\n"),
        Block::Table(table) => write_table(table),
        Block::Figures { indices, .. } => {
            let figures = indices.iter().filter_map(|&index| report.figures.get(index));
            figures
                .map(|figure| {
                    let caption = if figure.caption.is_empty() {
                        String::new()
                    } else {
                        format!("\n{}\n", figure.caption)
                    };
                    format!("![{}](plots/{}.png)\n{caption}", bracketed(&figure.alt), figure.file)
                })
                .collect::<Vec<_>>()
                .join("\n")
        }
        Block::List(points) => points.iter().map(|text| point(text)).collect(),
        Block::Code(code) => format!("```sh\n{code}\n```\n"),
        Block::Terms(terms) => {
            let row = |(term, meaning): &(String, String)| {
                format!("| {} | {} |\n", escaped(term), escaped(meaning))
            };
            format!("| word | meaning |\n|---|---|\n{}", terms.iter().map(row).collect::<String>())
        }
    }
}

fn write_table(table: &Table) -> String {
    let titles: Vec<String> = table.columns.iter().map(|column| escaped(&column.title)).collect();
    let rules: Vec<&str> =
        table.columns.iter().map(|column| if column.numeric { "---:" } else { "---" }).collect();
    let head = format!("{}\n\n| {} |\n|{}|\n", table.caption, titles.join(" | "), rules.join("|"));
    let row = |row: &Vec<Cell>| {
        let cells: Vec<String> = row.iter().map(write_cell).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    std::iter::once(head).chain(table.rows.iter().map(row)).collect()
}

fn write_cell(cell: &Cell) -> String {
    let mut parts = Vec::new();
    if !cell.text.is_empty() {
        parts.push(escaped(&cell.text));
    }
    if let Some((word, _)) = &cell.tag {
        parts.push(format!("**{word}**"));
    }
    if !cell.detail.is_empty() {
        parts.push(format!("<sub>{}</sub>", escaped(&cell.detail)));
    }
    parts.join("<br>")
}

/// Text as it may stand in a cell.
pub(crate) fn escaped(text: &str) -> String {
    // inside code an angle bracket is itself; outside it would open a tag
    let mut code = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '`' => {
                code = !code;
                out.push(c);
            }
            '|' => out.push_str("\\|"),
            '\n' => out.push(' '),
            '<' if !code => out.push_str("&lt;"),
            _ => out.push(c),
        }
    }
    out
}

/// Text as it may stand between square brackets.
fn bracketed(text: &str) -> String {
    text.replace('[', "(").replace(']', ")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_hold_value_word_and_bounds() {
        let cell = Cell {
            text: "61.2".into(),
            tag: Some(("TOO-SHORT".into(), Tone::Warn)),
            detail: "60.1–?".into(),
            mode: None,
        };
        assert_eq!(write_cell(&cell), "61.2<br>**TOO-SHORT**<br><sub>60.1–?</sub>");
        assert_eq!(write_cell(&Cell::plain("a | b < c `d < e`")), "a \\| b &lt; c `d < e`");
    }
}

//! Formulas, as TeX if the page contains it (MathML annotations, MathJax scripts, alternative texts of pictures), else MathML
//! as a line of text.

use crate::extract::script;
use ego_tree::NodeRef;
use scraper::Node;
use scraper::node::Element;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Formula {
    /// TeX, or a line of text.
    pub(super) text: String,
    pub(super) is_tex: bool,
    /// Whether it is displayed on separate lines.
    pub(super) is_display: bool,
}

pub(super) fn formula(node: NodeRef<'_, Node>, element: &Element) -> Option<Formula> {
    let (tex, is_display) = match element.name() {
        "math" => {
            let annotation = node.descendants().find(|node| {
                node.value().as_element().is_some_and(|element| {
                    element.name() == "annotation"
                        && element.attr("encoding").is_some_and(|name| name.contains("tex"))
                })
            });
            let annotation = annotation.map(inside);
            let tex = annotation.or_else(|| element.attr("alttext").map(str::to_owned));
            let is_display = element.attr("display") == Some("block");
            let Some(tex) = tex.filter(|tex| !tex.trim().is_empty()) else {
                let text = line(node);
                return Some(Formula { text, is_tex: false, is_display });
            };
            (tex, is_display)
        }
        "script" if is_tex_script(element) => {
            (inside(node), element.attr("type").is_some_and(|kind| kind.contains("mode=display")))
        }
        "img" => {
            let classes = element.attr("class")?;
            let is_formula = classes
                .split_ascii_whitespace()
                .any(|class| matches!(class, "tex" | "latex" | "math") || class.starts_with("mwe-math"));
            (element.attr("alt").filter(|_| is_formula)?.to_owned(), false)
        }
        _ => return None,
    };
    let tex = tex.split_whitespace().collect::<Vec<_>>().join(" ");
    // Wikipedia uses this style for all formulas.
    let plain = tex.strip_prefix("{\\displaystyle").and_then(|rest| rest.strip_suffix('}')).map(str::trim);
    let text = plain.unwrap_or(&tex).to_owned();
    (!text.is_empty()).then_some(Formula { text, is_tex: true, is_display })
}

/// Whether this is MathJax's rendering of a formula whose source follows.
pub(super) fn is_shown_formula(node: NodeRef<'_, Node>, element: &Element) -> bool {
    element.attr("class").is_some_and(|class| class.starts_with("MathJax"))
        && node.next_siblings().filter_map(|next| next.value().as_element()).take(2).any(is_tex_script)
}

fn is_tex_script(element: &Element) -> bool {
    element.name() == "script" && element.attr("type").is_some_and(|kind| kind.starts_with("math/tex"))
}

fn inside(node: NodeRef<'_, Node>) -> String {
    node.descendants().filter_map(|node| node.value().as_text().map(|text| &**text)).collect()
}

/// MathML as a line. Recursion is bounded by the tree's depth.
fn line(node: NodeRef<'_, Node>) -> String {
    let parts: Vec<String> = node
        .children()
        .filter_map(|child| match child.value() {
            Node::Text(text) => Some(text.trim().to_owned()),
            Node::Element(element) if element.name().starts_with("annotation") => None,
            Node::Element(_) => Some(line(child)),
            _ => None,
        })
        .filter(|part| !part.is_empty())
        .collect();
    let name = node.value().as_element().map_or("", |element| match element.name() {
        "mfrac" if element.attr("linethickness").is_some_and(is_nothing) => "noBar",
        name => name,
    });
    script::formula(name, &parts)
}

/// Whether a length is 0, in any unit.
fn is_nothing(length: &str) -> bool {
    length.trim_end_matches(|letter: char| letter.is_alphabetic() || letter == '%').parse() == Ok(0.0)
}

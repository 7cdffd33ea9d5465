//! The frame of all HTML pages that Glasshouse writes: a single self-contained file, readable on screen and on paper, in light and dark
//! mode. Its content security policy blocks every network request.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Styles shared by all pages; a page's own follow.
const STYLE: &str = include_str!("style.css");

/// Styles for narrow screens and paper, after all others.
const NARROW: &str = include_str!("narrow.css");

/// A page without its contents.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub title: &'a str,
    pub version: &'a str,
    /// The page's own style sheet, after the shared one.
    pub style: &'a str,
    /// The page's script, or empty.
    pub script: &'a str,
}

impl Page<'_> {
    /// The full HTML of the page with these contents.
    pub fn around(&self, contents: &Markup) -> String {
        // Only inline styles, inline scripts and `data:` images are allowed.
        let scripts = if self.script.is_empty() { "" } else { " script-src 'unsafe-inline';" };
        let policy = format!("default-src 'none'; style-src 'unsafe-inline';{scripts} img-src data:");
        let page = html! {
            (DOCTYPE)
            html lang="en-GB" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    meta name="generator" content={ "Glasshouse " (self.version) };
                    link rel="icon" href="data:,";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(self.style)) (PreEscaped(NARROW)) }
                }
                body {
                    (contents)
                    @if !self.script.is_empty() { script { (PreEscaped(self.script)) } }
                }
            }
        };
        page.into_string()
    }
}

/// The logo, a glass house, and the kind of page.
pub fn brand(what: &str) -> Markup {
    html! {
        div.brand {
            svg viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round" {
                path d="M10 2 L18 8 V18 H2 V8 Z M10 2 V18 M2 8 H18" {}
            }
            span { "Glasshouse · " (what) }
        }
    }
}

/// Links to the page's sections: (anchor, title, whether the section exists).
pub fn links(parts: &[(&str, &str, bool)]) -> Markup {
    html! {
        nav aria-label="Parts of this page" {
            @for (anchor, title, _) in parts.iter().filter(|(_, _, there)| *there) {
                a href={ "#" (anchor) } { (title) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_loads_nothing_and_runs_a_script_only_where_it_has_one() {
        let page = Page { title: "a < b", version: "1", style: ".own{}", script: "" };
        let contents = html! { (brand("card")) (links(&[("one", "One", true), ("two", "Two", false)])) };
        let text = page.around(&contents);
        assert!(text.contains("<title>a &lt; b</title>") && text.contains("Glasshouse · card"), "{text}");
        assert!(text.contains("href=\"#one\"") && !text.contains("#two"), "{text}");
        assert!(
            !text.contains("script") && !text.contains("http://") && !text.contains("https://"),
            "{text}"
        );
        // The page's own style precedes the rules for narrow screens and paper.
        let place = |what: &str| text.find(what).unwrap();
        assert!(place("box-sizing") < place(".own{}") && place(".own{}") < place("@media print"));
        let with = Page { script: "1<2", ..page }.around(&contents);
        assert!(
            with.contains("<script>1<2</script>") && with.contains("script-src 'unsafe-inline'"),
            "{with}"
        );
    }
}

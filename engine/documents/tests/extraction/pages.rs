//! Labelled pages generated from seeds, with known main content.
//!
//! The layouts are those of real sites: semantic containers, and others with meaningless classes; surrounded by navigation,
//! banners, hidden pixels, comments and lists of other pages; articles, forum threads, documentation and products in several
//! languages.

use super::words::{LANGUAGES, Language, Random};

pub struct Page {
    /// `article`, `forum`, `documentation` or `product`.
    pub kind: &'static str,
    pub html: String,
    pub content: String,
}

/// Markup of the parts of a page.
struct Layout {
    main: (&'static str, &'static str),
    nav: (&'static str, &'static str),
    side: (&'static str, &'static str),
    comments: (&'static str, &'static str),
    footer: (&'static str, &'static str),
    banner: &'static str,
}

const LAYOUTS: [Layout; 5] = [
    // Semantic elements.
    Layout {
        main: ("<main><article>", "</article></main>"),
        nav: ("<header><nav>", "</nav></header>"),
        side: ("<aside>", "</aside>"),
        comments: ("<section id=\"comments\" class=\"comments\">", "</section>"),
        footer: ("<footer>", "</footer>"),
        banner: "<div id=\"cookie-banner\" class=\"cookie-notice\" role=\"dialog\">",
    },
    // A blog theme.
    Layout {
        main: (
            "<div id=\"content\"><div class=\"post hentry\"><div class=\"entry-content\">",
            "</div></div></div>",
        ),
        nav: ("<div id=\"header\"><ul class=\"menu\">", "</ul></div>"),
        side: ("<div id=\"sidebar\" class=\"widget-area\">", "</div>"),
        comments: ("<div id=\"respond\" class=\"comment-list\">", "</div>"),
        footer: ("<div id=\"footer\" class=\"site-footer\">", "</div>"),
        banner: "<div class=\"cc-window cc-banner\" aria-label=\"cookieconsent\">",
    },
    // A single-page application: classes are hashes.
    Layout {
        main: (
            "<div class=\"css-1a2b3c\"><div class=\"css-9z8y7x\"><div itemprop=\"articleBody\">",
            "</div></div></div>",
        ),
        nav: ("<div class=\"css-0q1w2e\" role=\"navigation\">", "</div>"),
        side: ("<div class=\"css-5t6y7u\" role=\"complementary\">", "</div>"),
        comments: ("<div class=\"css-comments-8i9o0p\" data-testid=\"comments\">", "</div>"),
        footer: ("<div class=\"css-3e4r5t\" role=\"contentinfo\">", "</div>"),
        banner: "<div id=\"onetrust-consent-sdk\">",
    },
    // Table layout, as twenty years ago.
    Layout {
        main: ("<td width=\"70%\" valign=top><div class=\"story\">", "</div></td>"),
        nav: ("<td width=\"15%\" class=\"navigation\">", "</td>"),
        side: ("<td width=\"15%\" class=\"related-links\">", "</td>"),
        comments: ("<tr><td colspan=3 class=\"comments\">", "</td></tr>"),
        footer: ("<tr><td colspan=3 class=\"footer\">", "</td></tr>"),
        banner: "<div class=\"gdpr-overlay\" style=\"position:fixed\">",
    },
    // A magazine.
    Layout {
        main: ("<div class=\"layout\"><section class=\"article__body story-body\">", "</section></div>"),
        nav: ("<div class=\"nav-wrapper\"><nav class=\"global-nav\">", "</nav></div>"),
        side: ("<div class=\"related-stories\" data-module=\"promo\">", "</div>"),
        comments: ("<div class=\"disqus-thread comments-area\">", "</div>"),
        footer: ("<div class=\"page-footer\">", "</div>"),
        banner: "<section class=\"privacy-banner consent\">",
    },
];

/// The pages of a seed: every kind in every layout and language.
pub fn pages(seed: u64) -> Vec<Page> {
    let kinds: [(&str, Write); 4] =
        [("article", article), ("forum", forum), ("documentation", documentation), ("product", product)];
    let mut pages = Vec::new();
    for (number, layout) in LAYOUTS.iter().enumerate() {
        for (kind, write) in kinds {
            for (place, language) in LANGUAGES.iter().enumerate() {
                let mut random = Random::new(seed ^ ((number * 64 + place) as u64) << 20 ^ kind.len() as u64);
                let mut writer =
                    Writer { language, random: &mut random, html: String::new(), content: String::new() };
                write(&mut writer, layout);
                let Writer { html, content, .. } = writer;
                pages.push(Page { kind, html, content });
            }
        }
    }
    pages
}

type Write = fn(&mut Writer<'_>, &Layout);

/// A page under construction, and its label.
struct Writer<'r> {
    language: &'static Language,
    random: &'r mut Random,
    html: String,
    content: String,
}

impl Writer<'_> {
    /// Adds markup and text that are not content.
    fn around(&mut self, html: &str) {
        self.html.push_str(html);
    }

    /// Adds content in markup.
    fn block(&mut self, open: &str, text: &str, close: &str) {
        self.html.push_str(&format!("{open}{}{close}\n", escaped(text)));
        self.content.push_str(text);
        self.content.push('\n');
    }

    fn sentence(&mut self) -> String {
        self.language.sentence(self.random)
    }

    fn paragraph(&mut self, sentences: usize) {
        let count = sentences + self.random.below(3);
        self.around("<p>");
        for number in 0..count {
            let text = self.sentence();
            let (open, close) = match self.random.below(6) {
                0 => ("<a href=\"/topic\">", "</a> "),
                1 => ("<em>", "</em> "),
                2 => ("<span class=\"x\">", "</span> "),
                _ => ("", " "),
            };
            // An invisible pixel in the middle of the text, never closed.
            if number == 1 && self.random.below(3) == 0 {
                self.around("<img hidden src=\"/pixel.gif\"><img src=\"p.gif\" style=\"display:none\" width=1 height=1>");
            }
            self.block(open, &text, close);
        }
        self.around("</p>\n");
    }

    fn list(&mut self) {
        self.around("<ul>");
        for _ in 0..3 + self.random.below(4) {
            let text = self.sentence();
            self.block("<li>", &text, "</li>");
        }
        self.around("</ul>");
    }

    fn table(&mut self) {
        self.around("<table class=\"data\"><tbody>");
        for row in 0..3 + self.random.below(4) {
            let (open, close) = if row == 0 { ("<th>", "</th>") } else { ("<td>", "</td>") };
            self.around("<tr>");
            for _ in 0..3 {
                let text = self.language.words(self.random, 2);
                self.block(open, &text, close);
            }
            self.around("</tr>");
        }
        self.around("</tbody></table>");
    }

    fn code(&mut self) {
        let name = self.random.below(900);
        let text = format!(
            "fn tide_{name}(hours: f32) -> f32 {{\n    if hours < 6.2 && hours > 0.0 {{ hours * {name}.5 }} else {{ 12.4 }}\n}}"
        );
        self.block("<pre><code class=\"language-rust\">", &text, "</code></pre>");
    }

    fn heading(&mut self, level: u8) {
        let text = self.language.words(self.random, 4);
        self.block(&format!("<h{level}>"), &text, &format!("</h{level}>"));
    }

    fn links(&mut self, count: usize, words: usize) {
        self.around("<ul>");
        for number in 0..count {
            let text = self.language.words(self.random, words);
            self.around(&format!("<li><a href=\"/page/{number}\">{}</a></li>", escaped(&text)));
        }
        self.around("</ul>");
    }

    /// Everything before the main content.
    fn begin(&mut self, layout: &Layout) {
        let title = self.language.words(self.random, 5);
        let language = self.language;
        self.around(&format!(
            "<!DOCTYPE html><html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title} | HookPoint</title><style>p > a {{ color: red }}</style>\
             <script>if (1 < 2 && 3 > 2) {{ document.write(\"<p>written by a script</p>\"); }}</script></head><body>{}\
             <p>{}</p><button>OK</button></div>",
            language.code, layout.banner, language.consent
        ));
        if layout.banner.starts_with("<section") {
            self.around("</section>");
        }
        let old = layout.main.0.starts_with("<td");
        self.around(if old { "<table width=\"100%\"><tr>" } else { "" });
        self.around(layout.nav.0);
        self.links(6, 1);
        self.around(layout.nav.1);
        self.around("<noscript><img src=\"/count.gif\">JavaScript</noscript>");
        self.around(layout.main.0);
        let title_text = title;
        self.block("<h1>", &title_text, "</h1>");
    }

    /// Everything after the main content.
    fn end(&mut self, layout: &Layout, comments: bool) {
        self.around(layout.main.1);
        self.around(layout.side.0);
        let head = self.language.words(self.random, 2);
        self.around(&format!("<h3>{}</h3>", escaped(&head)));
        self.links(8, 5);
        self.around(layout.side.1);
        let old = layout.main.0.starts_with("<td");
        self.around(if old { "</tr>" } else { "" });
        if comments {
            self.around(layout.comments.0);
            self.around("<h3>Comments (4)</h3>");
            for number in 0..4 {
                let text = self.sentence();
                self.around(&format!(
                    "<div class=\"comment\" id=\"comment-{number}\"><span class=\"comment-author\">user{number}</span><p>{}</p></div>",
                    escaped(&text)
                ));
            }
            self.around(layout.comments.1);
        }
        self.around(layout.footer.0);
        let terms = self.language.words(self.random, 6);
        self.around(&format!(
            "<p>© 2024 HookPoint. {}</p><a href=\"/terms\">Terms</a> <a href=\"/privacy\">Privacy</a>",
            escaped(&terms)
        ));
        self.around(layout.footer.1);
        self.around(if old { "</table>" } else { "" });
        self.around("<script src=\"/track.js\"></script></body></html>");
    }
}

fn article(writer: &mut Writer<'_>, layout: &Layout) {
    writer.begin(layout);
    writer
        .around("<div class=\"byline\">By Ann Author, <time datetime=\"2024-05-01\">1 May 2024</time></div>");
    writer
        .around("<div class=\"share social-buttons\"><a href=\"#\">Share</a> <a href=\"#\">Tweet</a></div>");
    for section in 0..3 {
        writer.paragraph(3);
        writer.paragraph(2);
        match section {
            0 => {
                let text = writer.sentence();
                writer.block("<blockquote><p>", &text, "</p></blockquote>");
            }
            1 => {
                writer.around("<div class=\"newsletter-signup\"><p>Subscribe to our newsletter</p><input type=email></div>");
                writer.heading(2);
                writer.list();
            }
            _ => writer.paragraph(3),
        }
    }
    writer.end(layout, true);
}

fn forum(writer: &mut Writer<'_>, layout: &Layout) {
    writer.begin(layout);
    for number in 0..4 + writer.random.below(4) {
        writer.around(&format!(
            "<div class=\"post\" id=\"post{number}\"><div class=\"post-author\"><a href=\"/u/{number}\">user{number}</a></div><div class=\"post-body\">"
        ));
        writer.paragraph(2);
        if writer.random.below(3) == 0 {
            writer.code();
        }
        writer.around(
            "</div><div class=\"post-actions\"><a href=\"#\">Reply</a> <a href=\"#\">Like</a></div></div>",
        );
    }
    writer.end(layout, false);
}

fn documentation(writer: &mut Writer<'_>, layout: &Layout) {
    writer.begin(layout);
    writer.around(
        "<div class=\"toc\"><ul><li><a href=\"#a\">A</a></li><li><a href=\"#b\">B</a></li></ul></div>",
    );
    for _ in 0..3 {
        writer.heading(2);
        writer.paragraph(2);
        writer.code();
        writer.paragraph(1);
        writer.table();
        writer.list();
    }
    writer.end(layout, false);
}

fn product(writer: &mut Writer<'_>, layout: &Layout) {
    writer.begin(layout);
    writer.around("<div class=\"buy-box\"><button>Add to basket</button><select><option>1</option><option>2</option></select></div>");
    writer.paragraph(3);
    writer.paragraph(2);
    writer.list();
    writer.heading(2);
    writer.table();
    writer.end(layout, false);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

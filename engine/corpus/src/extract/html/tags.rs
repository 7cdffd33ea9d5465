//! The elements that extraction tells apart, and what each is to it.

/// Makes the enumeration and its way from and to names.
macro_rules! tags {
    ($($tag:ident = $name:literal),* $(,)?) => {
        /// An element's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Tag {
            $(#[doc = $name] $tag,)*
            /// Formatting within text, of which nothing is kept but the text.
            Inline,
        }

        impl Tag {
            /// How many there are.
            pub(super) const COUNT: usize = Tag::Inline as usize + 1;

            /// The element of a name in any case.
            pub(super) fn of(name: &str) -> Self {
                let mut lower = [0; 10];
                let Some(lower) = lower.get_mut(..name.len()) else { return Self::Inline };
                lower.copy_from_slice(name.as_bytes());
                lower.make_ascii_lowercase();
                match std::str::from_utf8(lower) {
                    $(Ok($name) => Self::$tag,)*
                    _ => Self::Inline,
                }
            }

            /// Its name.
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$tag => $name,)*
                    Self::Inline => "span",
                }
            }
        }
    };
}

tags! {
    A = "a", Address = "address", Annotation = "annotation", Article = "article", Aside = "aside", Audio = "audio",
    Blockquote = "blockquote", Body = "body", Break = "br", Button = "button", Canvas = "canvas", Caption = "caption",
    Center = "center", Code = "code", Datalist = "datalist", Definition = "dd", Details = "details", Dialog = "dialog",
    Div = "div", Definitions = "dl", Term = "dt", Fieldset = "fieldset", Figcaption = "figcaption", Figure = "figure",
    Footer = "footer", Form = "form", H1 = "h1", H2 = "h2", H3 = "h3", H4 = "h4", H5 = "h5", H6 = "h6", Head = "head",
    Header = "header", Rule = "hr", Html = "html", Legend = "legend", Item = "li", Link = "link", Main = "main",
    Map = "map", Menu = "menu", Meta = "meta", Navigation = "nav", Noscript = "noscript", Object = "object",
    Ordered = "ol", Paragraph = "p", Preformatted = "pre", Quotation = "q", RubyParenthesis = "rp", RubyText = "rt",
    Section = "section", Select = "select", Summary = "summary", Superscript = "sup", Svg = "svg", Table = "table",
    TableBody = "tbody", Cell = "td", Template = "template", TableFoot = "tfoot", HeaderCell = "th", TableHead = "thead",
    Time = "time", Row = "tr", Unordered = "ul", Video = "video",
}

/// How an element stands in the flow of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Within a line.
    Inline,
    /// On lines of its own.
    Line,
    /// Apart from what surrounds it.
    Block,
    /// Empty by definition: no end tag.
    Empty,
    /// Left out with all that it holds.
    Gone,
}

impl Tag {
    /// How it stands in the flow of text.
    pub(super) fn flow(self) -> Flow {
        use Tag::{
            A, Address, Annotation, Article, Aside, Audio, Blockquote, Body, Break, Button, Canvas, Caption,
            Cell, Center, Code, Datalist, Definition, Definitions, Details, Dialog, Div, Fieldset,
            Figcaption, Figure, Footer, Form, H1, H2, H3, H4, H5, H6, Head, Header, HeaderCell, Html, Inline,
            Item, Legend, Link, Main, Map, Menu, Meta, Navigation, Noscript, Object, Ordered, Paragraph,
            Preformatted, Quotation, Row, RubyParenthesis, RubyText, Rule, Section, Select, Summary,
            Superscript, Svg, Table, TableBody, TableFoot, TableHead, Template, Term, Time, Unordered, Video,
        };
        match self {
            A | Code | Quotation | Superscript | Time | Inline | Html | Head | Body => Flow::Inline,
            Div | Item | Definition | Term | Row | Cell | HeaderCell | Center | Legend | Figcaption
            | Summary | Caption | TableBody | TableFoot | TableHead => Flow::Line,
            Address | Article | Aside | Blockquote | Definitions | Details | Fieldset | Figure | Footer
            | Form | H1 | H2 | H3 | H4 | H5 | H6 | Header | Main | Menu | Navigation | Ordered
            | Paragraph | Preformatted | Section | Table | Unordered => Flow::Block,
            Break | Rule | Link | Meta => Flow::Empty,
            Annotation | Audio | Button | Canvas | Datalist | Dialog | Map | Noscript | Object
            | RubyParenthesis | RubyText | Select | Svg | Template | Video => Flow::Gone,
        }
    }

    /// The level of a heading, from 1.
    pub(super) fn heading_level(self) -> Option<usize> {
        use Tag::{H1, H2, H3, H4, H5, H6};
        [H1, H2, H3, H4, H5, H6].iter().position(|&heading| heading == self).map(|index| index + 1)
    }
}

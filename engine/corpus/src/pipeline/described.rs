//! What the stages are that are no rules, said once: for the cards of a recipe and for the account of a cleaning.

use crate::report::{About, Group};

/// A stage that is no rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described {
    /// As in `dropped.jsonl`.
    pub name: &'static str,
    /// Where in the bench it stands.
    pub group: Group,
    /// What people read.
    pub title: &'static str,
    /// What it takes away, and why.
    pub sentence: &'static str,
    /// Where its numbers come from; empty where it has none.
    pub paper: &'static str,
}

impl Described {
    /// The same for an account.
    pub(super) fn about(&self) -> About {
        About {
            name: self.name.to_owned(),
            group: self.group,
            title: self.title.to_owned(),
            sentence: self.sentence.to_owned(),
            threshold: String::new(),
            paper: self.paper.to_owned(),
        }
    }
}

pub(super) const EXTRACTION: Described = Described {
    name: "extraction",
    group: Group::Extraction,
    title: "Extraction",
    sentence: "Takes the article out of a web page, the prose out of wikitext and the text out of a PDF; what holds none goes.",
    paper: "",
};

pub(super) const REPAIR: Described = Described {
    name: "repair",
    group: Group::Repair,
    title: "Repair",
    sentence: "Mends characters that were decoded wrongly, brings Unicode to one form (NFC), and tidies control characters, white \
               space and line ends.",
    paper: "",
};

pub(super) const CONTAMINATION: Described = Described {
    name: "contamination",
    group: Group::Contamination,
    title: "Evaluation overlap",
    sentence: "Takes away documents that share long runs of words with the texts that a model will be measured on: a model that has \
               read the answers is not being measured.",
    paper: "GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C)",
};

pub(crate) const PERSONAL: Described = Described {
    name: "personal-data",
    group: Group::Personal,
    title: "Personal data",
    sentence: "Finds e-mail addresses, telephone numbers, account and card numbers, IP addresses, secrets and listed names, and puts \
               a placeholder in their place.",
    paper: "",
};

pub(crate) const EXACT: Described = Described {
    name: "exact-duplicates",
    group: Group::Duplicates,
    title: "Exact duplicates",
    sentence: "Keeps the first of documents with the same words, whatever their case, punctuation and white space, and of source \
               code with the same bytes: what is read twice is learnt by heart.",
    paper: "",
};

pub(crate) const NEAR: Described = Described {
    name: "near-duplicates",
    group: Group::Duplicates,
    title: "Near duplicates",
    sentence: "Keeps one of documents with nearly the same words: found by MinHash, and compared by their true similarity before \
               anything goes.",
    paper: "Broder 1997; FineWeb (Penedo et al. 2024, arXiv:2406.17557)",
};

pub(super) const CAPS: Described = Described {
    name: "caps",
    group: Group::Balance,
    title: "Caps by source",
    sentence: "Takes documents of a source by lot where the recipe allows it only so many.",
    paper: "",
};

pub(crate) const HELD_OUT: Described = Described {
    name: "held-out-overlap",
    group: Group::Contamination,
    title: "Held-out overlap",
    sentence: "Takes documents out of training that share long runs of words with those held out for validation, so that the \
               validation loss means something. Source code is only counted: its files share much.",
    paper: "GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C)",
};

pub(crate) const PARAGRAPHS: Described = Described {
    name: "repeated-paragraphs",
    group: Group::Duplicates,
    title: "Repeated paragraphs",
    sentence: "Takes paragraphs out of a document that an earlier one had: notices, menus and licences that many pages repeat.",
    paper: "CCNet (Wenzek et al. 2020, arXiv:1911.00359)",
};

//! Personal data: found, and replaced, masked, or its document dropped, before a model can learn it by heart.
//!
//! ```text
//! text ─ triggers ('@', digits, ':', '=', key prefixes) ─► candidates ─ checks ─► findings ─ apply ─► text without them
//!        lists and patterns of the user ─────────────────────────────────────────────┘
//! ```
//!
//! Each class is a small hand-written scanner that looks only around the bytes which can start a candidate, since most text
//! holds none: clean text passes at the speed of one look at each byte. What can be checked is checked (Luhn, mod 97, lengths by
//! country, address ranges); what cannot is judged by its shape and by the words before it, so that dates, order numbers,
//! version numbers and hashes stay. Tests state precision and recall by class on a planted set.

mod address;
mod bytes;
mod context;
mod detector;
mod email;
pub(crate) mod lists;
mod number;
mod payment;
mod phone;
mod replacement;
mod secret;
mod settings;
#[cfg(test)]
mod tests;

pub use detector::{Applied, Detector, Sample};
pub(crate) use detector::{around, hide};
pub use replacement::{FINEWEB_ADDRESSES, FINEWEB_EMAILS, MASK, masked};
pub use settings::{Action, Settings, Style};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strum::{IntoStaticStr, VariantArray};

/// A kind of personal data. Where two findings of one length claim the same place, the earlier class here has it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Class {
    /// A password, an access token, a private key.
    Secret,
    /// An international bank account number (ISO 13616).
    Iban,
    /// A payment card's number (ISO/IEC 7812).
    Card,
    /// An e-mail address.
    Email,
    /// An IP address, version 4 or 6.
    IpAddress,
    /// A telephone number.
    Phone,
    /// A name from the user's list.
    Name,
    /// An identifier from the user's list or matching one of the user's patterns.
    Identifier,
}

impl Class {
    /// All classes, in order of priority.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// What stands in the text in its place.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Secret => "<SECRET>",
            Self::Iban => "<IBAN>",
            Self::Card => "<CARD>",
            Self::Email => "<EMAIL>",
            Self::IpAddress => "<IP_ADDRESS>",
            Self::Phone => "<PHONE>",
            Self::Name => "<NAME>",
            Self::Identifier => "<IDENTIFIER>",
        }
    }

    /// The class's name in settings and reports.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Where personal data stands in a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub class: Class,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// How many were found of each class; classes of which there were none are left out.
pub type Counts = BTreeMap<Class, u64>;

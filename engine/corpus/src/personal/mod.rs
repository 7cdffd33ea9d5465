//! Detection of personal data, which is replaced or masked, or whose document is dropped, before a model can memorise it.
//!
//! ```text
//! text ─ triggers ('@', digits, ':', '=', key prefixes) ─► candidates ─ checks ─► findings ─ apply ─► text without them
//!        lists and patterns of the user ─────────────────────────────────────────────┘
//! ```
//!
//! Each class has a small hand-written scanner that examines only the surroundings of bytes that can start a candidate, since
//! most text has none: clean text takes one comparison or two per byte. What can be verified is verified (Luhn, mod 97, lengths by
//! country, address ranges). The rest is judged by its shape and the preceding words, so that dates, order numbers, version
//! numbers and hashes stay. Tests measure precision and recall by class on a planted set.

mod address;
mod bytes;
mod context;
mod detector;
mod email;
mod identity;
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
pub use replacement::{MASK, masked};
pub use settings::{Action, Settings};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strum::{IntoStaticStr, VariantArray};

/// Generates the classes with their placeholders, and their actions in the settings.
macro_rules! classes {
    ($( $(#[doc = $doc:literal])* $class:ident = $placeholder:literal, $action:ident; )*) => {
        /// A kind of personal data. If two findings of the same length overlap, the earlier class here takes precedence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(IntoStaticStr, VariantArray, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[strum(serialize_all = "snake_case")]
        pub enum Class { $( $(#[doc = $doc])* $class, )* }

        impl Class {
            pub const ALL: &'static [Self] = Self::VARIANTS;

            pub fn placeholder(self) -> &'static str {
                match self { $( Self::$class => $placeholder, )* }
            }

            pub fn name(self) -> &'static str {
                self.into()
            }
        }

        impl Settings {
            pub fn action(&self, class: Class) -> Action {
                match class { $( Class::$class => self.$action, )* }
            }

            pub(crate) fn action_mut(&mut self, class: Class) -> &mut Action {
                match class { $( Class::$class => &mut self.$action, )* }
            }
        }
    };
}

classes! {
    /// A password, an access token or a private key.
    Secret = "<SECRET>", secret;
    /// An international bank account number (ISO 13616).
    Iban = "<IBAN>", iban;
    /// A payment card's number (ISO/IEC 7812).
    Card = "<CARD>", card;
    Email = "<EMAIL>", email;
    IpAddress = "<IP_ADDRESS>", ip_address;
    Phone = "<PHONE>", phone;
    Name = "<NAME>", name;
    /// A social security number, or an identifier from the user's list or matching one of the user's patterns.
    Identifier = "<IDENTIFIER>", identifier;
}

/// Position of personal data in a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub class: Class,
    pub start: usize,
    /// Exclusive.
    pub end: usize,
}

/// Number of findings by class, without zeros.
pub type Counts = BTreeMap<Class, u64>;

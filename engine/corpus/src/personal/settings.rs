//! What is looked for, and what becomes of it.

use super::{Class, lists};
use crate::error::{Error, Result};
pub use glasshouse_protocol::cleaning::PersonalAction as Action;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::path::PathBuf;

/// Which placeholders are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Names of the class: `<EMAIL>`, `<PHONE>`.
    #[default]
    Placeholder,
    /// As FineWeb (Penedo et al. 2024) was published: stand-in e-mail and IP addresses, taken in turn within a document; other
    /// classes, which FineWeb leaves, get the name of the class.
    Fineweb,
}

/// The table `[personal]` of a recipe.
#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether anything is looked for at all.
    #[default = true]
    pub enabled: bool,
    /// Which placeholders `replace` puts in.
    pub style: Style,
    /// What becomes of e-mail addresses.
    pub email: Action,
    /// What becomes of telephone numbers.
    pub phone: Action,
    /// What becomes of IP addresses.
    pub ip_address: Action,
    /// What becomes of payment card numbers.
    pub card: Action,
    /// What becomes of bank account numbers.
    pub iban: Action,
    /// What becomes of passwords, access tokens and private keys.
    pub secret: Action,
    /// What becomes of the listed names.
    pub name: Action,
    /// What becomes of the listed identifiers and of what the patterns match.
    pub identifier: Action,
    /// Whether addresses that lead nobody home count too: private, loopback, link-local and multicast ones (RFC 6890).
    pub private_addresses: bool,
    /// Names to look for, as whole words.
    pub names: Vec<String>,
    /// A file of names, one a line; lines that start with `#` are comments.
    pub names_file: Option<PathBuf>,
    /// Identifiers to look for, as whole words: customer numbers, account names.
    pub identifiers: Vec<String>,
    /// A file of identifiers, one a line; lines that start with `#` are comments.
    pub identifiers_file: Option<PathBuf>,
    /// Whether listed names and identifiers are found in capitals and small letters alike.
    #[default = true]
    pub ignore_case: bool,
    /// Regular expressions (of the crate `regex`) whose matches are identifiers.
    pub patterns: Vec<String>,
}

impl Settings {
    /// What becomes of a class.
    pub fn action(&self, class: Class) -> Action {
        match class {
            Class::Secret => self.secret,
            Class::Iban => self.iban,
            Class::Card => self.card,
            Class::Email => self.email,
            Class::IpAddress => self.ip_address,
            Class::Phone => self.phone,
            Class::Name => self.name,
            Class::Identifier => self.identifier,
        }
    }

    /// Whether any name is listed.
    pub fn has_names(&self) -> bool {
        !self.names.is_empty() || self.names_file.is_some()
    }

    /// Whether any identifier is listed or described.
    pub fn has_identifiers(&self) -> bool {
        !self.identifiers.is_empty() || self.identifiers_file.is_some() || !self.patterns.is_empty()
    }

    /// Checks what can be checked before files are opened.
    ///
    /// # Errors
    /// A list or pattern that cannot be used, named.
    pub fn validate(&self) -> Result<()> {
        for (field, list) in [("names", &self.names), ("identifiers", &self.identifiers)] {
            lists::check(list).map_err(|reason| Error::Invalid(format!("personal.{field}: {reason}")))?;
        }
        lists::compile(&self.patterns).map(drop)
    }
}

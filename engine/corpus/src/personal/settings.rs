//! Settings: what to search and what to do with it.

use super::lists;
use glasshouse_documents::{Error, Result};
pub use glasshouse_protocol::cleaning::PersonalAction as Action;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    #[default = true]
    pub enabled: bool,
    pub email: Action,
    pub phone: Action,
    pub ip_address: Action,
    pub card: Action,
    pub iban: Action,
    pub secret: Action,
    pub name: Action,
    /// Action for social security numbers, listed identifiers and matches of the patterns.
    pub identifier: Action,
    /// Whether non-public addresses count too: private, loopback, link-local and multicast ones (RFC 6890).
    pub private_addresses: bool,
    pub names: Vec<String>,
    /// File of names, one per line; lines that start with `#` are comments.
    pub names_file: Option<PathBuf>,
    /// Identifiers to look for, as whole words: customer numbers, account names.
    pub identifiers: Vec<String>,
    /// File of identifiers, one per line; lines that start with `#` are comments.
    pub identifiers_file: Option<PathBuf>,
    /// Whether to ignore case in listed names and identifiers.
    #[default = true]
    pub ignore_case: bool,
    /// Regular expressions (of the crate `regex`) whose matches are identifiers.
    pub patterns: Vec<String>,
}

impl Settings {
    pub fn has_names(&self) -> bool {
        !self.names.is_empty() || self.names_file.is_some()
    }

    pub fn has_identifiers(&self) -> bool {
        !self.identifiers.is_empty() || self.identifiers_file.is_some() || !self.patterns.is_empty()
    }

    pub fn validate(&self) -> Result<()> {
        for (field, list) in [("names", &self.names), ("identifiers", &self.identifiers)] {
            lists::check(list).map_err(|reason| Error::Invalid(format!("personal.{field}: {reason}")))?;
        }
        lists::compile(&self.patterns).map(drop)
    }
}

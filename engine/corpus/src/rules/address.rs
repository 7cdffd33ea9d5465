//! Filters by the address where a text was published.

use std::path::Path;

use aho_corasick::AhoCorasick;
use rustc_hash::FxHashSet;

use super::blocklist::{MAX_LIST_BYTES, searched};
use super::outcome::Reason;
use crate::personal::lists;
use glasshouse_documents::files::Files;
use glasshouse_documents::settings;
use glasshouse_documents::{Error, Result};

settings! {
    Address {
    }
    lists {
        hosts: Vec<String> = Vec::new(), "Hosts whose pages are dropped, such as example.com, including subdomains.";
        hosts_file: Option<String> = None, "A file with additional hosts, one per line; lines that begin with # are comments.";
        words: Vec<String> = Vec::new(), "Texts are dropped if their URL contains one of these words.";
    }
}

#[derive(Debug)]
pub struct AddressFinder {
    hosts: FxHashSet<String>,
    words: AhoCorasick,
}

impl Address {
    pub fn finder(&self, files: &dyn Files) -> Result<AddressFinder> {
        let mut hosts = self.hosts.clone();
        if let Some(file) = &self.hosts_file {
            hosts.extend(lists::read(Path::new(file), MAX_LIST_BYTES, files)?);
        }
        let hosts: FxHashSet<_> =
            hosts.iter().map(|host| host.trim().trim_matches('.').to_lowercase()).collect();
        if let Some(wrong) = hosts.iter().filter(|host| host.is_empty() || host.contains(['/', ' '])).min() {
            let message = format!("address: hosts: {wrong:?} is not a host name such as example.com");
            return Err(Error::Invalid(message));
        }
        Ok(AddressFinder { hosts, words: searched("address", "words", &self.words)? })
    }
}

impl AddressFinder {
    /// Judges a document by its address; one without an address passes.
    pub fn judge(&self, address: Option<&str>) -> Result<(), Reason> {
        let Some(address) = address else { return Ok(()) };
        let host = host(address).to_lowercase();
        let mut rest = Some(host.as_str());
        while let Some(name) = rest {
            if self.hosts.contains(name) {
                return Err(Reason::new("hosts", format!("host: {name} is in the list")));
            }
            rest = name.split_once('.').map(|(_, above)| above);
        }
        match self.words.find(address) {
            Some(found) => {
                let word = address.get(found.range()).unwrap_or_default();
                Err(Reason::new("words", format!("the address contains {word:?}")))
            }
            None => Ok(()),
        }
    }
}

/// The host of an address, with or without a scheme.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split(':').next().unwrap_or_default().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_documents::files::SystemFiles;

    #[test]
    fn hosts_and_those_below_them_go() {
        let rule =
            Address { hosts: vec!["Example.com".into()], words: vec!["casino".into()], ..Address::default() };
        let finder = rule.finder(&SystemFiles).unwrap();
        for address in
            ["https://example.com/a", "http://user@www.EXAMPLE.com:80?x", "example.com.", "//a.b/Casino-1"]
        {
            assert!(finder.judge(Some(address)).is_err(), "{address}");
        }
        for address in ["https://notexample.com", "https://example.com.org/", "https://a.b/?example.com"] {
            assert_eq!(finder.judge(Some(address)), Ok(()), "{address}");
        }
        assert_eq!(finder.judge(None), Ok(()));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let rule = Address { hosts: vec!["https://a.b".into()], ..Address::default() };
        assert!(rule.finder(&SystemFiles).unwrap_err().to_string().contains("is not a host name"));
        let rule = Address { hosts_file: Some("no/such/file".into()), ..Address::default() };
        assert!(rule.finder(&SystemFiles).unwrap_err().to_string().starts_with("no/such/file: "));
    }
}

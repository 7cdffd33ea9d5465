//! Addresses in repositories of the Hugging Face Hub.

/// A repository, or a folder or file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubAddress {
    /// `OWNER/NAME`.
    pub repository: String,
    /// A branch, tag or commit.
    pub revision: String,
    /// Empty for the whole repository.
    pub path: String,
}

impl HubAddress {
    /// The host of the Hub.
    pub const HOST: &str = "huggingface.co";

    /// Parses `OWNER/NAME[@REVISION][/PATH]`, or that of a page: `OWNER/NAME/tree/REVISION/PATH`. `None` for anything else.
    pub fn parse(address: &str) -> Option<Self> {
        let mut parts = address.trim_matches('/').split('/');
        let (owner, name) = (parts.next()?, parts.next()?);
        let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
        let rest: Vec<&str> = parts.collect();
        let (revision, path) = match rest.as_slice() {
            ["tree" | "blob" | "resolve", revision, path @ ..] => (*revision, path),
            path => (revision, path),
        };
        let is_plain = |part: &&str| {
            !part.is_empty()
                && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
        };
        let is_safe = |part: &&str| {
            !matches!(*part, "" | "." | "..")
                && part.chars().all(|letter| !letter.is_control() && !"?#%\\:".contains(letter))
        };
        ([owner, name, revision].iter().all(is_plain) && path.iter().all(is_safe)).then(|| Self {
            repository: format!("{owner}/{name}"),
            revision: revision.to_owned(),
            path: path.join("/"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_revisions_and_paths_are_read() {
        for (address, repository, revision, path) in [
            ("o/n", "o/n", "main", ""),
            ("/o-1/n.2@v3/a/b c.parquet", "o-1/n.2", "v3", "a/b c.parquet"),
            ("o/n/tree/v2/data/", "o/n", "v2", "data"),
            ("o/n/blob/main/q/m.gguf", "o/n", "main", "q/m.gguf"),
        ] {
            let parsed = HubAddress::parse(address).unwrap();
            assert_eq!((&*parsed.repository, &*parsed.revision, &*parsed.path), (repository, revision, path));
        }
        for wrong in ["", "owner", "o/n?x", "o/n/../../secret", "o/n@", "o n/a", "o/n/a:b", "o/n//a"] {
            assert_eq!(HubAddress::parse(wrong), None, "{wrong}");
        }
    }
}

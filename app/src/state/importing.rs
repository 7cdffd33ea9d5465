//! A pretrained model offered for import, waiting for the person's confirmation.

use glasshouse_protocol::{Command, Event, FoundModel, ImportStep};

/// A step that waits for a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Importing {
    /// Its files on the network were listed, with their total size if the server reports it.
    Listed { address: String, host: String, files: Vec<String>, bytes: Option<u64> },
    /// Its settings were read; it may be imported with a shorter context length.
    Found { model: Box<FoundModel>, context_length: usize },
}

impl Importing {
    /// The question that an event raises, if any.
    pub(super) fn of(asked: Option<&Command>, event: &Event) -> Option<Self> {
        match (event, asked) {
            (
                Event::Importing(ImportStep::Listed { host, files, bytes }),
                Some(Command::ListModelFiles { address }),
            ) => {
                let (address, host, files) = (address.clone(), host.clone(), files.clone());
                Some(Self::Listed { address, host, files, bytes: *bytes })
            }
            (Event::Importing(ImportStep::Found { model }), _) => {
                Some(Self::Found { context_length: model.default_context, model: model.clone() })
            }
            _ => None,
        }
    }
}

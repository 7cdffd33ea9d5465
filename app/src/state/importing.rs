//! A pretrained model offered for import, waiting for the person's confirmation.

use glasshouse_protocol::{Command, Event, FoundModel, ImportStep};

/// A step that waits for a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Importing {
    /// Its files on the network were listed.
    Listed {
        address: String,
        host: String,
        files: Vec<String>,
        /// Total size, if the server reports it.
        bytes: Option<u64>,
    },
    Found {
        model: Box<FoundModel>,
        context_length: usize,
    },
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

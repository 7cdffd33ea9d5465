//! A pretrained model on its way into a project: what is known of it, for the person to say yes.

use glasshouse_protocol::{Command, Event, FoundModel};

/// A step at which the person is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Importing {
    /// Its files are in the network.
    Listed {
        /// The address, as it was typed.
        address: String,
        /// Where they are fetched from.
        host: String,
        /// Their names.
        files: Vec<String>,
        /// Bytes of them all, where their server says.
        bytes: Option<u64>,
    },
    /// It was looked at.
    Found {
        /// What is known of it.
        model: Box<FoundModel>,
        /// The context length that it shall have here.
        context_length: usize,
    },
}

impl Importing {
    /// What an event asks.
    pub(super) fn of(asked: Option<&Command>, event: &Event) -> Option<Self> {
        match (event, asked) {
            (Event::ModelListed { host, files, bytes }, Some(Command::ListModelFiles { address })) => {
                let (address, host, files) = (address.clone(), host.clone(), files.clone());
                Some(Self::Listed { address, host, files, bytes: *bytes })
            }
            (Event::ModelFound { model }, _) => {
                Some(Self::Found { context_length: model.default_context, model: model.clone() })
            }
            _ => None,
        }
    }
}

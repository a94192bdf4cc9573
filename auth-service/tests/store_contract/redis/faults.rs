//! Redis fails, is restarted, emptied, or set up wrongly.

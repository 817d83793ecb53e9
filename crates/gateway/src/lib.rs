//! The REST server in the Binance Spot dialect.

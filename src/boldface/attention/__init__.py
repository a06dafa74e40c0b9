"""Steering inside transformers models: find the heads, attach, carry the bias by one exact route, detach."""

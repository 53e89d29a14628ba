"""Parts of networks that several systems share, and pretrained networks that make features."""

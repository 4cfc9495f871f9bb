"""Evidence: what a batch must look up of orders, messages and bounces before it decides."""

"""How strong the suite is: wrong implementations, planted by hand or made by mutation, and how soon each is noticed."""
